/** The list `profiles` of a policy: other values for some sessions; and the databases that say where an address is. */
import { z } from "zod";
import { bandwidth, caps, dns, network, rates } from "./policy-network.ts";
import { auth, deadlines, limits, persona, sandbox } from "./policy-sections.ts";
import { cidrs, label, listener, matcher } from "./policy-units.ts";

const WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

const clock = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/)
  .meta({ expected: "a time of day such as 08:30, from 00:00 to 23:59", examples: ["08:30", "22:00"] });

function fileSuchAs(example: string) {
  return z
    .string()
    .min(1)
    .max(4096)
    .regex(/^[^\0]*$/)
    .meta({ expected: `the path of a file, seen from this one, such as ${example}`, examples: [example] });
}

const country = z
  .string()
  .regex(/^[A-Z]{2}$/)
  .meta({ expected: "a country's ISO 3166 code in capitals, such as DE", examples: ["DE"] });

const autonomousSystem = z
  .int()
  .min(1)
  .max(2 ** 32 - 1)
  .meta({ expected: "an autonomous system's number such as 64500, without AS", examples: [64500] });

const time = z.strictObject({
  from: clock.optional().describe("When it begins, with `to`; the whole day if both are absent."),
  to: clock
    .optional()
    .describe("When it is over, itself not included. Earlier than `from` means on the next day."),
  days: z
    .array(z.enum(WEEK))
    .min(1)
    .max(7)
    .optional()
    .describe("Days of the week on which it begins; every day if absent."),
  zone: z
    .string()
    .max(64)
    .refine(isTimeZone)
    .meta({ expected: "a time zone such as Europe/Berlin, or UTC", examples: ["Europe/Berlin"] })
    .default("UTC")
    .describe("Whose clock it is, daylight saving time included."),
});

const match = z.strictObject({
  source: cidrs.describe("Addresses that it is for."),
  sourceFile: fileSuchAs("scanners.txt")
    .optional()
    .describe(
      "A file with addresses or CIDR ranges, one a line, `#` before a comment; its path is seen from the policy file. It is watched as the policy is.",
    ),
  country: oneOrMore(country, "a country's ISO 3166 code such as DE, or a list of these").describe(
    "Countries of the source, as `geo.country` knows them. An address that it does not know is in none.",
  ),
  as: oneOrMore(autonomousSystem, "an autonomous system's number such as 64500, or a list of these").describe(
    "Autonomous systems of the source, as `geo.as` knows them.",
  ),
  listener: oneOrMore(
    listener,
    "a port such as 22, ADDRESS:PORT such as 192.0.2.1:22, or a list of these",
  ).describe("Where it was connected to: a port, or an address of the machine with its port."),
  user: matcher
    .optional()
    .describe("User names of the attempt. Before the first attempt no profile that asks for one matches."),
  time: time.optional().describe("When the connection was made."),
});

export const profile = z.strictObject({
  name: label(64).describe("What events, logs and `policy explain` call it. Has to be given."),
  match: match.describe(
    "What a session has to be, in everything that stands here; at least one of them. Has to be given.",
  ),
  auth: part(auth, ["methods", "maxTries", "root", "refuse", "rules", "otherwise"], "As `auth`."),
  persona: part(
    persona,
    ["name", "hostname", "keys", "banner"],
    "As `persona`. All but the host name is shown before a user is known.",
  ),
  sandbox: part(
    sandbox,
    [
      ...([
        "mode",
        "idle",
        "life",
        "memory",
        "swap",
        "cpuset",
        "cpuQuota",
        "cpuPeriod",
        "cpuShares",
      ] as const),
      ...(["pids", "disk", "inodes", "nofile", "nproc", "deviceReadRate", "deviceWriteRate"] as const),
      ...(["deviceReadOperations", "deviceWriteOperations", "capabilities", "sudo", "runtime"] as const),
    ],
    "As `sandbox`, for a sandbox that is given away while this profile matches, as long as it lives.",
  ),
  deadlines: part(deadlines, ["login", "session", "idle"], "As `deadlines`."),
  limits: part(
    limits,
    ["connectionsPerSource", "channels", "requestsPerSecond", "recordingSize"],
    "As `limits`.",
  ),
  network: z
    .strictObject({
      ...partsOf(network, ["egress", "ports"]),
      caps: part(caps, ["up", "down", "per"], "As `network.caps`."),
      bandwidth: part(bandwidth, ["up", "down", "ssh"], "As `network.bandwidth`."),
      rates: part(rates, ["tcp", "udp", "icmp", "other"], "As `network.rates`."),
      ...partsOf(network, ["connections"]),
      dns: part(dns, ["rate"], "As `network.dns`."),
      fences: withoutDefault(network.shape.fences).describe(
        "Further ranges that these sandboxes do not reach, beside those of `network.fences`: a profile takes no fence away.",
      ) as z.ZodOptional<Inner<typeof network.shape.fences>>,
      ...partsOf(network, ["openFences"]),
    })
    .optional()
    .describe(
      "As `network`, for a sandbox that is given away while this profile matches, as long as it lives.",
    ),
});

export const geo = z.strictObject({
  country: fileSuchAs("countries.mmdb")
    .optional()
    .describe("A MaxMind database (MMDB) with countries, for `match.country`; watched as the policy is."),
  as: fileSuchAs("systems.mmdb")
    .optional()
    .describe("A MaxMind database (MMDB) with autonomous systems, for `match.as`; watched as the policy is."),
});

function oneOrMore<Item extends z.ZodType>(item: Item, expected: string) {
  return z
    .union([item, z.array(item).min(1).max(1000)])
    .optional()
    .meta({ expected });
}

type Inner<Schema> = Schema extends z.ZodDefault<infer Of> | z.ZodPrefault<infer Of> | z.ZodOptional<infer Of>
  ? Of
  : Schema;
type Part<Shape extends z.ZodRawShape, Key extends keyof Shape> = {
  [Of in Key]: z.ZodOptional<Inner<Shape[Of]>>;
};

/** Some keys of a section, none of which has to be there, and none with a default: what is absent stays as it is without the profile. */
function part<Shape extends z.ZodRawShape, const Key extends keyof Shape & string>(
  section: z.ZodObject<Shape>,
  keys: readonly Key[],
  about: string,
) {
  return z.strictObject(partsOf(section, keys)).optional().describe(about);
}

function partsOf<Shape extends z.ZodRawShape, const Key extends keyof Shape & string>(
  section: z.ZodObject<Shape>,
  keys: readonly Key[],
): Part<Shape, Key> {
  return Object.fromEntries(keys.map((key) => [key, withoutDefault(section.shape[key])])) as Part<Shape, Key>;
}

function withoutDefault(schema: z.core.$ZodType | undefined): z.ZodType {
  if (!(schema instanceof z.ZodType)) throw new Error("a profile names a key that its section has not");
  let inner: z.ZodType = schema;
  let about = inner.meta() ?? {};
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional) {
    inner = inner.unwrap() as z.ZodType;
    about = { ...inner.meta(), ...about };
  }
  return inner.optional().meta(about);
}

function isTimeZone(name: string): boolean {
  // An offset such as +01:00 has no daylight saving time: nobody's clock.
  if (/^[+-]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
