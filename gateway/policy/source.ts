import { createHash } from "node:crypto";
import ipaddr from "ipaddr.js";
import type { ByteString } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { Policy } from "../model/policy.ts";

export interface SourceCredential {
  readonly user: ByteString;
  readonly password: ByteString;
}

/**
 * The canonical name of a source under the policy's `source.by`: equal for all who share a sandbox, different for all others.
 * `203.0.113.7`; `203.0.113.0/24`, `2001:db8:1:2::/64`; `203.0.113.7#` and 32 hexadecimal digits that stand for user name and
 * password (of SHA-256; never the credential itself, because keys are logged and shown). By credential but without one, as
 * for attempts' memory, it is the address. Throws when `address` is no IP address.
 */
export function sourceKey(policy: Policy, address: string, credential?: SourceCredential): string {
  const parsed = parseAddress(address);
  switch (policy.source.by) {
    case "address":
      return parsed.toString();
    case "network":
      return network(parsed);
    case "credential":
      return credential === undefined ? parsed.toString() : `${parsed.toString()}#${fingerprint(credential)}`;
    default:
      return policy.source.by satisfies never;
  }
}

/** IPv4 stays IPv4 when it arrives on an IPv6 socket (`::ffff:a.b.c.d`); an interface (`%eth0`) is not part of a source. */
export function parseAddress(address: string): ipaddr.IPv4 | ipaddr.IPv6 {
  const plain = address.split("%", 1)[0] ?? "";
  // ipaddr.js also takes `1`, `0x7f.1` and octal forms, which no socket reports.
  if (!ipaddr.IPv4.isValidFourPartDecimal(plain) && !ipaddr.IPv6.isValid(plain)) {
    throw new MitsubakoError("internal", `"${plain.slice(0, 64)}" is not an IP address.`);
  }
  return ipaddr.process(plain);
}

function network(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  const bits = address.kind() === "ipv4" ? 24 : 64;
  const bytes = address.toByteArray().map((byte, index) => (index * 8 < bits ? byte : 0));
  return `${ipaddr.fromByteArray(bytes).toString()}/${bits}`;
}

/** 32 hexadecimal digits. */
export function fingerprint({ user, password }: SourceCredential): string {
  const hash = createHash("sha256");
  // The length keeps "a" + "bc" apart from "ab" + "c".
  hash.update(`${user.length}:`).update(user, "latin1").update(password, "latin1");
  return hash.digest("hex").slice(0, 32);
}
