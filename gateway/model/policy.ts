/**
 * The one schema of a policy: types, `policy check`, the JSON Schema and the reference page all come from here.
 * Values are canonical after parsing: durations in milliseconds, sizes in bytes, rates per second.
 */
import { z } from "zod";
import { bandwidth, cidr, duration, listenAddress, matcher, size, starts } from "./policy-units.ts";

const authRule = z.strictObject({
  name: z.string().optional().describe("Shown in recordings and logs as what decided."),
  user: matcher
    .optional()
    .describe("User names it applies to: a name, a glob, `/regular expression/`, or a list of these."),
  password: matcher.optional().describe("Passwords it applies to, in the same forms."),
  source: z
    .union([cidr, z.array(cidr)])
    .optional()
    .describe("Addresses or CIDR ranges it applies to."),
  verdict: z.enum(["accept", "reject"]).describe("What it answers."),
  afterAttempts: z
    .int()
    .min(1)
    .default(1)
    .describe(
      "With `accept`: let in at this attempt of the source and not before (attempts before it are refused).",
    ),
});

export const policySchema = z.strictObject({
  listen: z
    .array(listenAddress)
    .min(1)
    .default([{ address: "0.0.0.0", port: 2222 }])
    .describe("Addresses and ports to listen on; `--listen` and MITSUBAKO_LISTEN replace them."),
  sensor: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe("Name of this gateway in events; the host's name if absent."),
  persona: z
    .strictObject({
      name: z
        .string()
        .default("debian-12")
        .describe("Which sandbox image to show, as `image build` named it."),
      hostname: z
        .string()
        .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
        .default("srv01")
        .describe("Host name inside the sandbox."),
      banner: z.string().max(4096).optional().describe("Text shown before login, as sshd's Banner does."),
    })
    .prefault({}),
  source: z
    .strictObject({
      by: z
        .enum(["address", "network", "credential"])
        .default("address")
        .describe(
          "What counts as one source: the address, its IPv4 /24 or IPv6 /64, or the address with user and password.",
        ),
    })
    .prefault({}),
  auth: z
    .strictObject({
      methods: z
        .array(z.enum(["publickey", "password", "keyboard-interactive"]))
        .min(1)
        .optional()
        .describe("Methods offered; those of the persona's own sshd if absent."),
      maxTries: z
        .int()
        .min(1)
        .max(100)
        .default(6)
        .describe("MaxAuthTries: refused attempts on one connection before it is closed."),
      root: z.enum(["allow", "refuse"]).default("allow").describe("Whether root may log in at all."),
      rules: z.array(authRule).default([]).describe("First match decides."),
      otherwise: z.enum(["accept", "reject"]).default("accept").describe("When no rule matches."),
      memory: duration
        .default(86_400_000)
        .describe("How long attempts of a source are remembered for `afterAttempts`."),
    })
    .prefault({}),
  sandbox: z
    .strictObject({
      mode: z
        .enum(["sticky", "fresh"])
        .default("sticky")
        .describe("sticky: a source finds its own sandbox again. fresh: every session gets a new one."),
      most: z.int().min(1).max(4096).default(20).describe("Sandboxes at once, spares included."),
      spares: z.int().min(0).max(64).default(2).describe("Ready sandboxes kept for new sources."),
      idle: duration.default(3_600_000).describe("A sandbox without a session is removed after this."),
      life: duration
        .default(21_600_000)
        .describe("A sandbox is removed this long after its first login, sessions or not."),
      memory: size.default(268_435_456).describe("Memory of one sandbox."),
      swap: size.default(0).describe("Swap on top of it."),
      cpuset: z
        .string()
        .regex(/^\d+(-\d+)?(,\d+(-\d+)?)*$/)
        .optional()
        .describe("CPUs it may run on, such as `0-1`."),
      cpuQuota: z
        .number()
        .positive()
        .max(1024)
        .optional()
        .describe("CPUs' worth of time it may use, such as 0.5."),
      cpuPeriod: duration.optional().describe("Period over which the CPU quota is counted."),
      cpuShares: z.int().min(2).max(262144).optional().describe("Weight against other sandboxes."),
      pids: z.int().min(32).max(65536).default(256).describe("Processes and threads."),
      disk: size.optional().describe("Bytes that it may write to its file system."),
      nofile: z.int().min(64).max(1048576).default(4096).describe("Open files of one process (ulimit -n)."),
      nproc: z.int().min(16).max(65536).optional().describe("Processes of one user (ulimit -u)."),
      deviceReadRate: size.optional().describe("Bytes a second read from the disk."),
      deviceWriteRate: size.optional().describe("Bytes a second written to the disk."),
      capabilities: z
        .enum(["root", "user"])
        .default("root")
        .describe(
          "root: what a believable root needs. user: the least a real sshd needs, for policies without root.",
        ),
      sudo: z.boolean().default(false).describe("Whether accounts made at login may use sudo."),
      runtime: z.string().optional().describe("OCI runtime known to the engine, such as runsc."),
    })
    .prefault({}),
  deadlines: z
    .strictObject({
      login: duration.default(120_000).describe("LoginGraceTime: from accept to login."),
      session: duration.default(21_600_000).describe("From accept to the end of a session."),
      idle: duration.default(1_800_000).describe("Without a byte from either side."),
      drain: duration.default(10_000).describe("From SIGTERM to the end of what is still open."),
    })
    .prefault({}),
  limits: z
    .strictObject({
      connections: z.int().min(1).max(100000).default(2000).describe("Connections at once."),
      connectionsPerSource: z
        .int()
        .min(1)
        .max(100000)
        .default(50)
        .describe("Connections of one address at once."),
      starts: starts
        .default({ begin: 500, percent: 30, full: 1000 })
        .describe(
          "MaxStartups, `start:rate:full`: connections not logged in yet, over which new ones are dropped at random, then all.",
        ),
    })
    .prefault({}),
  network: z
    .strictObject({
      egress: z.enum(["deny"]).default("deny").describe("What may leave a sandbox. deny: nothing."),
      upload: bandwidth.optional().describe("Bandwidth out of a sandbox."),
      download: bandwidth.optional().describe("Bandwidth into a sandbox."),
      subnet: cidr
        .optional()
        .describe("IPv4 range of the sandboxes' bridge, at least a /24; one that is free if absent."),
    })
    .prefault({}),
  evidence: z
    .strictObject({
      largestFile: size.default(67_108_864).describe("A changed file over this size is listed, not kept."),
      mostFiles: z.int().min(0).default(2000).describe("Files kept of one capture."),
      mostBytes: size.default(536_870_912).describe("Bytes kept of one capture."),
      mostChanges: z.int().min(1).default(50_000).describe("Changes listed of one capture."),
    })
    .prefault({}),
  events: z
    .strictObject({
      rotateAt: size.default(104_857_600).describe("Size at which the event file is rotated."),
      keep: z.int().min(1).default(30).describe("Rotated event files that are kept."),
      stdout: z.boolean().default(false).describe("Also print events to standard output."),
    })
    .prefault({}),
});

export type Policy = DeepReadonly<z.output<typeof policySchema>>;
export type AuthRule = Policy["auth"]["rules"][number];

/** A policy as it came from a file, with what recordings and logs say of it. */
export interface LoadedPolicy {
  readonly policy: Policy;
  readonly path: string;
  /** SHA-256 of the file's bytes, hexadecimal. */
  readonly hash: string;
}

type DeepReadonly<T> = T extends RegExp
  ? T
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
