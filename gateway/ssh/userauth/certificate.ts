import { randomBytes, sign, type KeyObject } from "node:crypto";
import { string, u32, u64 } from "../messages/writer.ts";

/** OpenSSH's PROTOCOL.certkeys. */
export const CERTIFICATE_TYPE = "ssh-ed25519-cert-v01@openssh.com";
const USER_CERTIFICATE = 1;
/** Seconds before and after now: it is used within milliseconds, on the same machine's clock. */
const VALID_BEFORE = 60;
const VALID_AFTER = 60;

export interface CertificateRequest {
  /** Ed25519, in wire form (RFC 8709 section 4). */
  readonly publicKeyBlob: Buffer;
  readonly user: Uint8Array;
  readonly restrictions: Restrictions;
  /** As the other side logs it with each login; none if absent. */
  readonly keyId?: string;
}

/** What the options of an authorized_keys line come to, as far as a certificate can carry it. */
export interface Restrictions {
  readonly command?: Buffer;
  readonly pty: boolean;
  readonly portForwarding: boolean;
  readonly agentForwarding: boolean;
  readonly x11Forwarding: boolean;
  readonly userRc: boolean;
}

/** A user certificate for one login, signed by an Ed25519 key that the other side trusts as an authority. */
export function userCertificate(
  { publicKeyBlob, user, restrictions, keyId = "" }: CertificateRequest,
  authority: { readonly publicBlob: Buffer; readonly privateKey: KeyObject },
  now = Date.now(),
): Buffer {
  const seconds = BigInt(Math.floor(now / 1000));
  const unsigned = Buffer.concat([
    string(CERTIFICATE_TYPE),
    string(randomBytes(32)),
    // The key without its type's name.
    publicKeyBlob.subarray(4 + publicKeyBlob.readUInt32BE(0)),
    u64(0n),
    u32(USER_CERTIFICATE),
    string(keyId),
    string(string(user)),
    u64(seconds - BigInt(VALID_BEFORE)),
    u64(seconds + BigInt(VALID_AFTER)),
    string(criticalOptions(restrictions)),
    string(extensions(restrictions)),
    string(""),
    string(authority.publicBlob),
  ]);
  const signature = Buffer.concat([
    string("ssh-ed25519"),
    string(sign(null, unsigned, authority.privateKey)),
  ]);
  return Buffer.concat([unsigned, string(signature)]);
}

function criticalOptions({ command }: Restrictions): Buffer {
  return command === undefined
    ? Buffer.alloc(0)
    : Buffer.concat([string("force-command"), string(string(command))]);
}

/** In alphabetical order, as the format asks. */
function extensions(allowed: Restrictions): Buffer {
  const names = [
    ...(allowed.x11Forwarding ? ["permit-X11-forwarding"] : []),
    ...(allowed.agentForwarding ? ["permit-agent-forwarding"] : []),
    ...(allowed.portForwarding ? ["permit-port-forwarding"] : []),
    ...(allowed.pty ? ["permit-pty"] : []),
    ...(allowed.userRc ? ["permit-user-rc"] : []),
  ];
  return Buffer.concat(names.flatMap((name) => [string(name), string("")]));
}
