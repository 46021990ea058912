import { BlockList, isIP } from "node:net";
import type { Restrictions } from "../ssh/userauth/certificate.ts";

/**
 * The options of an authorized_keys line (sshd(8)), as far as a stock sshd heeds them and a certificate carries them.
 * `environment=` is ignored by a stock sshd (PermitUserEnvironment no); `permitopen=`, `permitlisten=`, `tunnel=` and
 * `expiry-time=` are ignored here, because certificates have nothing like them.
 *
 * @returns undefined where `from=` keeps this address out.
 */
export function restrictionsOf(options: string, address: string): Restrictions | undefined {
  const allowed = {
    pty: true,
    portForwarding: true,
    agentForwarding: true,
    x11Forwarding: true,
    userRc: true,
  };
  let command: string | undefined;
  for (const { name, value } of splitOptions(options)) {
    if (name === "command") command = value;
    else if (name === "from") {
      if (!isFrom(value ?? "", address)) return undefined;
    } else if (name === "restrict") for (const each of FLAGS.values()) allowed[each] = false;
    else {
      const flag = FLAGS.get(name.replace(/^no-/, ""));
      if (flag) allowed[flag] = !name.startsWith("no-");
    }
  }
  return { ...allowed, ...(command === undefined ? {} : { command: Buffer.from(command, "latin1") }) };
}

const FLAGS = new Map([
  ["pty", "pty"],
  ["port-forwarding", "portForwarding"],
  ["agent-forwarding", "agentForwarding"],
  ["x11-forwarding", "x11Forwarding"],
  ["user-rc", "userRc"],
] as const) as Map<string, "pty" | "portForwarding" | "agentForwarding" | "x11Forwarding" | "userRc">;

/** `name`, `name="value"`, separated by commas; `\"` inside a value is a quote. Names are told in lower case. */
function splitOptions(options: string): { name: string; value?: string }[] {
  return [...options.matchAll(/([a-zA-Z0-9-]+)(?:="((?:[^"\\]|\\.)*)")?(?:,|$)/gs)].map(
    ([, name = "", value]) => ({
      name: name.toLowerCase(),
      ...(value === undefined ? {} : { value: value.replaceAll('\\"', '"') }),
    }),
  );
}

/** Patterns with `*` and `?`, CIDR ranges, `!` for those that are kept out; names are not looked up (UseDNS no). */
function isFrom(patterns: string, address: string): boolean {
  let isIn = false;
  for (const pattern of patterns.split(",")) {
    const negated = pattern.startsWith("!");
    if (!matches(negated ? pattern.slice(1) : pattern, address)) continue;
    if (negated) return false;
    isIn = true;
  }
  return isIn;
}

function matches(pattern: string, address: string): boolean {
  const [network = "", bits] = pattern.split("/");
  const family = isIP(network) === 6 ? "ipv6" : "ipv4";
  const width = Number(bits);
  if (bits !== undefined) {
    if (isIP(network) === 0 || isIP(network) !== isIP(address)) return false;
    if (!/^\d{1,3}$/.test(bits) || width > (family === "ipv6" ? 128 : 32)) return false;
    const range = new BlockList();
    range.addSubnet(network, width, family);
    return range.check(address, family);
  }
  return globMatches(pattern, address);
}

/** Without backtracking over more than one `*` at a time: the pattern is a stranger's. */
function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let n = 0; n < text.length;) {
    if (pattern[at] === "*") {
      star = at++;
      resume = n;
    } else if (pattern[at] === "?" || pattern[at] === text[n]) {
      at++;
      n++;
    } else if (star >= 0) {
      at = star + 1;
      n = ++resume;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}
