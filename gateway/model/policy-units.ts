/** How people write durations, sizes, rates and matchers in a policy, and what they become. */
import { z } from "zod";

/** `90s`, `10m`, `6h`, `1d`, or milliseconds as `500ms`. Becomes milliseconds. */
export const duration = unit(
  { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
  "a duration such as 90s, 10m, 6h or 1d",
);

/** `128m`, `5 MiB`, `10GB`, or a bare number of bytes. `k m g` and `KiB MiB GiB` are powers of 1024; `kB MB GB` of 1000. */
export const size = unit(
  {
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
  },
  "a size such as 128m, 5 MiB or 10GB",
);

/** `500kbit`, `1mbit`, `1gbit`. Becomes bits a second. */
export const bandwidth = unit(
  { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 },
  "a bandwidth such as 500kbit or 1mbit",
);

function unit(factors: Record<string, number>, what: string) {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(String(value));
    const factor = match?.[2] === undefined ? undefined : factors[match[2].toLowerCase()];
    if (match?.[1] === undefined || factor === undefined) {
      context.addIssue({ code: "custom", message: `expected ${what}` });
      return z.NEVER;
    }
    return Math.round(Number(match[1]) * factor);
  });
}

/** An IPv4 or IPv6 address or CIDR range, as text; the policy module parses it. */
export const cidr = z
  .string()
  .refine(
    (text) => /^[0-9a-f:.]+(\/\d{1,3})?$/i.test(text),
    "expected an address or a CIDR range such as 192.0.2.0/24",
  );

export const listenAddress = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    context.addIssue({ code: "custom", message: "expected ADDRESS:PORT such as 0.0.0.0:2222 or [::]:2222" });
    return z.NEVER;
  }
  return { address: match[1] ?? match[2] ?? "", port };
});

/** A name, a glob, `/regular expression/flags`, or a list of these. Kept as text; the policy module compiles it. */
export const matcher = z.union([z.string(), z.array(z.string()).min(1)]);

/** `start:rate:full` as in sshd_config's MaxStartups. */
export const starts = z.string().transform((text, context) => {
  const match = /^(\d+):(\d+):(\d+)$/.exec(text);
  const [begin, percent, full] = [Number(match?.[1]), Number(match?.[2]), Number(match?.[3])];
  if (match === null || percent < 1 || percent > 100 || full < begin) {
    context.addIssue({ code: "custom", message: "expected start:rate:full such as 10:30:100" });
    return z.NEVER;
  }
  return { begin, percent, full };
});
