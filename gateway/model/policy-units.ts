/**
 * How people write durations, sizes and matchers in a policy, and what they become. `expected` is what an error message says is
 * allowed; it travels with the schema so that errors, the JSON Schema and the reference page say the same.
 */
import { isIP } from "node:net";
import { z } from "zod";

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const BYTES = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

/** Most of a duration that a timer counts: Node's timers fire at once beyond 2^31 - 1 ms (24.8 days). */
const LONGEST_TIMER = "24d";

/** `90s`, `10m`, `6h`, `1d`, or milliseconds as `500ms`. Becomes milliseconds. */
export const duration = durationBetween("0s", LONGEST_TIMER);

/** As `duration`, with other bounds, both included. */
export function durationBetween(least: string, most: string) {
  return unit({
    title: "duration",
    factors: MILLISECONDS,
    examples: ["500ms", "90s", "10m", "6h", "1d"],
    least,
    most,
    input: z.string(),
  });
}

/** `128m`, `5 MiB`, `10GB`, or a bare number of bytes. `k m g` and `KiB MiB GiB` are powers of 1024; `kB MB GB` of 1000. */
export const size = sizeBetween("0", "1024 TiB");

/** As `size`, with other bounds, both included. */
export function sizeBetween(least: string, most: string) {
  return unit({
    title: "size",
    factors: BYTES,
    examples: ["64k", "128m", "5 MiB", "10GB"],
    least,
    most,
    input: z.union([z.string(), z.number()]),
  });
}

interface Unit<Input extends z.ZodType<string | number>> {
  readonly title: string;
  readonly factors: Readonly<Record<string, number>>;
  readonly examples: readonly string[];
  readonly least: string;
  readonly most: string;
  readonly input: Input;
}

function unit<Input extends z.ZodType<string | number>>({ input, factors, ...about }: Unit<Input>) {
  const least = inUnits(about.least, factors) ?? NaN;
  const most = inUnits(about.most, factors) ?? NaN;
  const within = (amount: number | undefined) => amount !== undefined && amount >= least && amount <= most;
  const examples = about.examples.filter((example) => within(inUnits(example, factors)));
  const bounds = least > 0 ? `from ${about.least} to ${about.most}` : `at most ${about.most}`;
  const expected = `a ${about.title} such as ${examples.join(", ")}, ${bounds}`;
  return input
    .transform((value: string | number, context) => {
      const amount = inUnits(String(value), factors);
      if (amount === undefined || !within(amount)) {
        context.addIssue({ code: "custom", message: `expected ${expected}` });
        return z.NEVER;
      }
      return amount;
    })
    .meta({ title: about.title, expected, examples });
}

function inUnits(text: string, factors: Readonly<Record<string, number>>): number | undefined {
  const match = /^\s*(\d{1,16}(?:\.\d{1,6})?)\s*([a-z]*)\s*$/i.exec(text);
  const name = match?.[2]?.toLowerCase() ?? "";
  if (match?.[1] === undefined || !Object.hasOwn(factors, name)) return undefined;
  return Math.round(Number(match[1]) * (factors[name] ?? NaN));
}

/** An IPv4 or IPv6 address or CIDR range, kept as text. */
export const cidr = z
  .string()
  .refine(isCidr)
  .meta({
    title: "range",
    expected: "an address or a CIDR range such as 192.0.2.0/24 or 2001:db8::/32",
    examples: ["192.0.2.7", "192.0.2.0/24", "2001:db8::/32"],
  });

/** One of these or a list of them; may be absent. */
export const cidrs = z
  .union([cidr, z.array(cidr).min(1).max(10_000)])
  .optional()
  .meta({
    title: "range",
    expected: "an address, a CIDR range such as 192.0.2.0/24, or a list of these",
    examples: ["192.0.2.0/24", ["192.0.2.7", "2001:db8::/32"]],
  });

function isCidr(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  const version = address.includes("%") ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

/** A range for our own bridge: IPv4, from a /8 to a /24, its first address written out. Kept as text. */
export const subnet = z
  .string()
  .refine((text) => {
    const [address = "", prefix = ""] = text.split("/");
    const bits = Number(prefix);
    if (isIP(address) !== 4 || !/^\d{1,2}$/.test(prefix) || bits < 8 || bits > 24) return false;
    const value = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    return value % 2 ** (32 - bits) === 0;
  })
  .meta({
    title: "subnet",
    expected: "an IPv4 range from a /8 to a /24 by its first address, such as 10.77.0.0/20",
    examples: ["10.77.0.0/20"],
  });

/** `ADDRESS:PORT`, IPv6 addresses in brackets; port 0 lets the system choose. */
export const listenAddress = z
  .string()
  .transform((text, context) => {
    const match = /^(?:\[([^\]]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
    const address = match?.[1] ?? match?.[2] ?? "";
    const version = match?.[1] === undefined ? 4 : 6;
    const port = Number(match?.[3]);
    if (match === null || isIP(address) !== version || port > 65535) {
      context.addIssue({ code: "custom", message: "expected ADDRESS:PORT" });
      return z.NEVER;
    }
    return { address, port };
  })
  .meta({
    title: "address and port",
    expected: "ADDRESS:PORT such as 0.0.0.0:2222 or [::]:2222",
    examples: ["0.0.0.0:2222", "[::]:2222"],
  });

/** A port of any address, or `ADDRESS:PORT`, IPv6 addresses in brackets: where somebody connected to. */
export const listener = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    const match = /^(?:(?:\[([^\]]+)\]|([0-9.]+)):)?(\d{1,5})$/.exec(String(value));
    const address = match?.[1] ?? match?.[2];
    const version = match?.[1] === undefined ? 4 : 6;
    const port = Number(match?.[3]);
    const isPort = port >= 1 && port <= 65_535;
    if (!isPort || (address !== undefined && isIP(address) !== version)) {
      context.addIssue({ code: "custom", message: "expected a port, or ADDRESS:PORT" });
      return z.NEVER;
    }
    return address === undefined ? { port } : { address, port };
  })
  .meta({
    title: "listener",
    expected: "a port such as 22, or ADDRESS:PORT such as 192.0.2.1:22 or [2001:db8::1]:22",
    examples: [22, "192.0.2.1:22"],
  });

/**
 * A name, a glob (`*`, `?`, and `\` before a character that is meant as it stands), `/regular expression/flags`, or a list of these of
 * which one must match. Kept as text; `policy/matcher.ts` compiles it and says what the expressions can do.
 */
export const matcher = z.union([oneMatcher(), z.array(oneMatcher()).min(1).max(10_000)]).meta({
  title: "matcher",
  expected: 'a name, a glob such as "admin*", "/a regular expression/i", or a list of these',
  examples: ["root", "admin*", "/^test[0-9]+$/i", ["root", "admin"]],
});

function oneMatcher() {
  return z
    .string()
    .min(1)
    .max(1024)
    .meta({ expected: 'a name, a glob such as "admin*" or "/a regular expression/i" (in quotes)' });
}

/** `start:rate:full` as in sshd_config's MaxStartups. */
export const starts = z
  .string()
  .transform((text, context) => {
    const match = /^(\d{1,6}):(\d{1,3}):(\d{1,6})$/.exec(text);
    const [begin, percent, full] = [Number(match?.[1]), Number(match?.[2]), Number(match?.[3])];
    // sshd itself refuses `begin > full` and a rate outside 1 to 100 (sshd_config(5), MaxStartups).
    if (match === null || begin < 1 || percent < 1 || percent > 100 || full < begin) {
      context.addIssue({ code: "custom", message: "expected start:rate:full" });
      return z.NEVER;
    }
    return { begin, percent, full };
  })
  .meta({
    title: "start:rate:full",
    expected: "start:rate:full such as 10:30:100, with a rate from 1 to 100 and start not over full",
    examples: ["10:30:100"],
  });

type Period = "second" | "minute" | "hour" | "day";

/** `20/hour`: so many at once, and one more each `per / count` after that (a token bucket, as netfilter counts). */
export const rate = z
  .string()
  .transform((text, context) => {
    const match = /^\s*(\d{1,6})\s*\/\s*(second|minute|hour|day)\s*$/.exec(text);
    const count = Number(match?.[1]);
    const per = match?.[2] as Period | undefined;
    if (per === undefined || count < 1) {
      context.addIssue({ code: "custom", message: "expected COUNT/second, /minute, /hour or /day" });
      return z.NEVER;
    }
    return { count, per };
  })
  .meta({
    title: "rate",
    expected: "a rate such as 20/hour: a number from 1 to 999999, and second, minute, hour or day",
    examples: ["5/second", "60/minute", "20/hour"],
  });

const BITS = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };

/** `128kbit`, `1mbit`, `10mbit`: bits a second, in powers of 1000 as tc counts. */
export const bitrate = unit({
  title: "bitrate",
  factors: BITS,
  examples: ["128kbit", "1mbit", "100mbit"],
  least: "64kbit",
  most: "10gbit",
  input: z.string(),
});

/** `80`, `"80,443"`, `"8000-8100"`: becomes ranges, both ends included, in the order given. */
export const portList = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    const ranges = String(value)
      .split(",")
      .map((part) => /^\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?$/.exec(part))
      .map((match) => [Number(match?.[1]), Number(match?.[2] ?? match?.[1])] as const);
    if (ranges.length > 15 || ranges.some(([from, to]) => !(from >= 1 && to >= from && to <= 65_535))) {
      context.addIssue({ code: "custom", message: "expected ports" });
      return z.NEVER;
    }
    return ranges;
  })
  .meta({
    title: "ports",
    expected: 'ports such as 80, "80,443" or "8000-8100", at most 15 of them or ranges',
    examples: [80, "80,443", "8000-8100"],
  });

/** An IPv4 address. */
export const ipv4 = z
  .string()
  .refine((text) => isIP(text) === 4)
  .meta({ title: "IPv4 address", expected: "an IPv4 address such as 192.0.2.53", examples: ["192.0.2.53"] });

/** An IPv4 range, kept as text. */
export const cidr4 = z
  .string()
  .refine((text) => isCidr(text) && isIP(text.split("/")[0] ?? "") === 4)
  .meta({
    title: "IPv4 range",
    expected: "an IPv4 address or CIDR range such as 192.168.7.0/24",
    examples: ["192.168.7.0/24"],
  });

/** One line of text that goes into names and labels; nothing that a terminal or a line format would act on. */
export function label(longest: number) {
  return z
    .string()
    .max(longest)
    .regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u)
    .meta({ expected: `text of at most ${longest} characters on one line` });
}
