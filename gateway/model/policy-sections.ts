/** The sections of a policy that say who is let in, what they land in, and when it ends. */
import { z } from "zod";
import { PERSONA_NAME } from "./persona.ts";
import { cidrs, duration, durationBetween, label, matcher, sizeBetween, starts } from "./policy-units.ts";

const authRule = z.strictObject({
  name: label(64)
    .optional()
    .describe(
      "What recordings and logs call the rule; its place in the list, as `auth.rules[0]`, if absent.",
    ),
  user: matcher.optional().describe("User names that it applies to; all if absent."),
  password: matcher.optional().describe("Passwords that it applies to; all if absent."),
  source: cidrs.describe("Addresses that it applies to; all if absent."),
  verdict: z.enum(["accept", "reject"]).describe("What it answers. Has to be given."),
  afterAttempts: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1)
    .describe(
      "With `accept`: the source's attempts before this one are refused, this one and later ones are let in. Counted per address (or network), whatever was tried.",
    ),
});

export const persona = z.strictObject({
  name: z
    .string()
    .regex(PERSONA_NAME)
    .default("debian-12")
    .meta({ expected: "a persona's name such as debian-12" })
    .describe("Which server to be: one that `image build` built, or that `persona learn` learned."),
  hostname: z
    .string()
    .regex(/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/)
    .default("srv01")
    .meta({ expected: "a host name such as srv01: letters, digits and dashes, at most 63" })
    .describe("Host name inside the sandbox."),
  keys: z
    .string()
    // Other folders of data/keys are other things' keys.
    .regex(/^(?!outpost$)[a-z0-9][a-z0-9-]{0,62}(@[a-z0-9][a-z0-9-]{0,62})?$/)
    .optional()
    .meta({ expected: "a name such as web01: small letters, digits and dashes", examples: ["web01"] })
    .describe(
      "Which host keys it shows: a folder of `data/keys`, made at the first use. If absent, the one called as `persona.name`; in a profile with `match.listener` and a `hostname` of its own NAME@HOSTNAME. A source that meets other keys is in another sandbox.",
    ),
  banner: z
    .string()
    .max(4096)
    .optional()
    .meta({ expected: "text of at most 4096 characters" })
    .describe("Text shown before login, as with sshd's `Banner`; none if absent."),
});

export const source = z.strictObject({
  by: z
    .enum(["address", "network", "credential"])
    .default("address")
    .describe(
      "What counts as one source: `address`; `network`, the IPv4 /24 or IPv6 /64 around it; `credential`, the address together with user name and password.",
    ),
});

export const auth = z.strictObject({
  methods: z
    .array(z.enum(["publickey", "password", "keyboard-interactive"]))
    .min(1)
    .max(3)
    .optional()
    .describe("Methods offered; those of the persona's own sshd if absent."),
  maxTries: z
    .int()
    .min(1)
    .max(100)
    .default(6)
    .describe("sshd's MaxAuthTries: refused attempts on one connection before it is closed."),
  root: z
    .enum(["allow", "refuse"])
    .default("allow")
    .describe("Whether root may log in at all. It is the sandbox's root, not the machine's."),
  refuse: z
    .array(z.enum(["random-looking", "second-password", "refused-before"]))
    .max(3)
    .default([])
    .describe(
      "What is refused before any rule is looked at: `random-looking`, passwords as chance makes them, of 8 characters or more; `second-password`, another password for a user as whom the source was let in; `refused-before`, a password that was refused to the source for that user. Remembered per address (or network) for `auth.memory`, until the gateway's end.",
    ),
  rules: z
    .array(authRule)
    .max(1000)
    .default([])
    .describe("The first rule that applies decides. A rule applies when each of its matchers does."),
  otherwise: z.enum(["accept", "reject"]).default("accept").describe("The verdict when no rule applies."),
  memory: durationBetween("1s", "365d")
    .prefault("1d")
    .describe(
      "How long a source's attempts are remembered after its last one, for `afterAttempts` and `refuse`.",
    ),
});

export const sandbox = z.strictObject({
  mode: z
    .enum(["sticky", "fresh"])
    .default("sticky")
    .describe("`sticky`: a source finds its own sandbox again. `fresh`: every session gets a new one."),
  most: z.int().min(1).max(4096).default(20).describe("Sandboxes at once, spares included."),
  spares: z
    .int()
    .min(0)
    .max(64)
    .default(2)
    .describe("Ready sandboxes kept for new sources; where profiles add personas, so many of each."),
  idle: duration.prefault("1h").describe("A sandbox without a session is removed after this."),
  life: durationBetween("1s", "24d")
    .prefault("6h")
    .describe("A sandbox is removed this long after its first login, sessions or not."),
  memory: sizeBetween("32m", "1024 GiB").prefault("256m").describe("Memory of one sandbox."),
  swap: sizeBetween("0", "1024 GiB").prefault("0").describe("Swap on top of it."),
  cpuset: z
    .string()
    .regex(/^\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*$/)
    .optional()
    .meta({ expected: 'CPU numbers such as "0-1" or "0,2"', examples: ["0-1"] })
    .describe("CPUs that it may run on; all if absent."),
  cpuQuota: z
    .number()
    .min(0.01)
    .max(1024)
    .optional()
    .meta({ expected: "a number of CPUs such as 0.5, from 0.01 to 1024", examples: [0.5] })
    .describe("CPUs' worth of time that it may use; unlimited if absent."),
  cpuPeriod: durationBetween("1ms", "1s")
    .optional()
    .describe("Period over which `cpuQuota` is counted; the kernel's 100ms if absent."),
  cpuShares: z
    .int()
    .min(2)
    .max(262_144)
    .optional()
    .describe("Weight against other sandboxes; 1024 if absent."),
  pids: z.int().min(32).max(65_536).default(256).describe("Processes and threads."),
  disk: sizeBetween("64m", "64 TiB")
    .prefault("2 GiB")
    .describe(
      "Size of its disk: what it may write to its file system. Room is taken on the machine as it is used.",
    ),
  inodes: z
    .int()
    .min(1024)
    .max(2 ** 31)
    .optional()
    .describe("Files and folders that it may make on its disk; one for each 16 KiB of `disk` if absent."),
  nofile: z.int().min(64).max(1_048_576).default(4096).describe("Open files of one process (`ulimit -n`)."),
  nproc: z
    .int()
    .min(16)
    .max(65_536)
    .optional()
    .describe("Processes of one user (`ulimit -u`); only `pids` limits them if absent."),
  deviceReadRate: sizeBetween("64k", "1 TiB")
    .optional()
    .describe("Bytes a second read from the disk; unlimited if absent."),
  deviceWriteRate: sizeBetween("64k", "1 TiB")
    .optional()
    .describe("Bytes a second written to the disk; unlimited if absent."),
  deviceReadOperations: z
    .int()
    .min(10)
    .max(10_000_000)
    .optional()
    .describe("Read operations a second on the disk; unlimited if absent."),
  deviceWriteOperations: z
    .int()
    .min(10)
    .max(10_000_000)
    .optional()
    .describe("Write operations a second on the disk; unlimited if absent."),
  capabilities: z
    .enum(["root", "user"])
    .default("root")
    .describe(
      "`root`: what a believable root needs. `user`: the least that a real sshd needs, for policies without root.",
    ),
  sudo: z.boolean().default(false).describe("Whether accounts made at login may use sudo."),
  runtime: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/)
    .optional()
    .meta({ expected: "the name of a runtime such as runsc", examples: ["runsc"] })
    .describe(
      "OCI runtime known to the engine; its default if absent. With one that it does not know nothing starts.",
    ),
  userns: z
    .enum(["preferred", "required"])
    .default("preferred")
    .describe(
      "`required`: where root may log in (`auth.root`), nothing starts unless the engine maps the sandbox's root to an ordinary user of the machine (userns-remap).",
    ),
  disguise: z
    .enum(["auto", "required", "off"])
    .default("auto")
    .describe(
      "Whether a sandbox's mounts are made to look like a server's. `auto`: if this machine and its engine let it be done, else plain containers, and the log says so. `required`: nothing starts, and no sandbox is given out, without it. Read at the start.",
    ),
});

export const deadlines = z.strictObject({
  login: durationBetween("1s", "24d").prefault("2m").describe("sshd's LoginGraceTime: from accept to login."),
  session: durationBetween("1s", "24d").prefault("6h").describe("From accept to the end of a session."),
  idle: durationBetween("1s", "24d")
    .prefault("30m")
    .describe("A session without a byte from either side ends."),
  drain: durationBetween("0s", "1h")
    .prefault("10s")
    .describe("From SIGTERM to the end of what is still open."),
});

export const limits = z.strictObject({
  connections: z.int().min(1).max(100_000).default(2000).describe("Connections at once."),
  connectionsPerSource: z
    .int()
    .min(1)
    .max(100_000)
    .default(50)
    .describe("Connections of one address at once."),
  starts: starts
    .prefault("500:30:1000")
    .describe(
      "sshd's MaxStartups: with this many connections not logged in yet, new ones are dropped, first by chance, then all.",
    ),
  channels: z
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .describe(
      "Channels open at once on one connection, forwarded ones included; a further one fails to open. sshd itself has no more than 10 sessions among them.",
    ),
  requestsPerSecond: z
    .int()
    .min(10)
    .max(100_000)
    .default(200)
    .describe(
      "Messages of one connection after its login, data and window adjustments not counted; five seconds' worth may come at once. One that sends more is ended.",
    ),
  recordingSize: sizeBetween("1m", "1024 TiB")
    .prefault("2 GiB")
    .describe(
      "Size of one session's recording. A session that fills it is ended: what cannot be recorded is not passed on.",
    ),
  diskFloor: sizeBetween("0", "1024 TiB")
    .prefault("2 GiB")
    .describe(
      "Free room of the disks under the data folder and under Docker Engine's. Below it nobody new is let in and no spare is made, and sandboxes without a session go; below half of it the sandbox that holds most is ended, captured and removed, until there is room again.",
    ),
});
