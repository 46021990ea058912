import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { pino } from "pino";
import { openLog } from "../log.ts";
import { engineFor } from "../firewall/fence.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { Policy } from "../model/policy.ts";
import { SLOTS } from "../model/slot.ts";
import { loadPlaced } from "../policy/load.ts";
import { everyPolicy, networksOf } from "../policy/resolve.ts";
import { Engine } from "../sandbox/docker.ts";
import { findPersona } from "../sandbox/image/find.ts";
import { requireReadableCode } from "../warden/confine/code.ts";
import { claimAddresses } from "../warden/listeners.ts";
import { trySlot } from "../warden/slot.ts";
import { examineLimits } from "./doctor-limits.ts";
import { examineFileWitness } from "./doctor-witness.ts";
import { processesSeen } from "./doctor-processes.ts";
import { examineWebhook } from "./doctor-webhook.ts";
import { look, Warning, type Finding } from "./finding.ts";
import { Interruption } from "./interruption.ts";
import { findProgram, givenPath, PROJECT_ROOT } from "./paths.ts";
import { policyWarnings } from "./doctor-policy.ts";
import { probe } from "./probe/probe.ts";

/** Programs that a running gateway calls, with the package that brings each. */
const PROGRAMS = {
  ip: "iproute2",
  tc: "iproute2",
  bridge: "iproute2",
  conntrack: "conntrack",
  unshare: "util-linux",
  setpriv: "util-linux",
  nsenter: "util-linux",
  tcpdump: "tcpdump",
  openssl: "openssl",
  mount: "mount",
  losetup: "mount",
  "mkfs.ext4": "e2fsprogs",
  perl: "perl-base",
  "ssh-keygen": "openssh-client",
};
const MEBIBYTE = 2 ** 20;

export interface DoctorOptions {
  readonly policy: string;
  readonly data: string;
  /** Whether to try the fence from inside a throw-away sandbox. */
  readonly probe: boolean;
  /** Whether to connect to the policy's webhook. */
  readonly webhook?: true;
  readonly json?: true;
}

/**
 * Looks at everything that a start needs, and goes on after what is bad. Nothing is changed, but that the probe makes a slot of its
 * own and takes it down again. Exit code 1 when something is bad.
 */
export async function doctorCommand(options: DoctorOptions): Promise<number> {
  using interruption = new Interruption();
  const findings = await examine(
    givenPath(options.policy),
    givenPath(options.data),
    async (engine, policy) => [
      ...(policy === undefined ? [] : await examineWebhook(policy, options.webhook === true)),
      ...(options.probe ? await probeIfPossible(engine, policy, interruption.signal) : [NOT_ASKED]),
    ],
  );
  if (options.json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else
    for (const { what, state, says } of findings) process.stdout.write(`${MARK[state]} ${what}: ${says}\n`);
  return interruption.exitCode ?? (findings.some(({ state }) => state === "bad") ? 1 : 0);
}

const NOT_ASKED: Finding = { what: "probe", state: "good", says: "left out, as --no-probe says" };

const MARK = { good: "  ok    ", warning: "  warn  ", bad: "  BAD   " };

async function examine(
  policyPath: string,
  data: string,
  tryLive: (engine: Engine, policy: Policy | undefined) => Promise<Finding[]>,
): Promise<Finding[]> {
  const engine = new Engine();
  const placed = await loadPlaced(policyPath).catch((error: unknown) => error as Error);
  const policy = placed instanceof Error ? undefined : placed.loaded.policy;
  return [
    await look("rights", () => root()),
    await look("programs", () => programs()),
    await look("code", () =>
      requireReadableCode(PROJECT_ROOT, "gateway/front/main.ts").then(
        () => "readable by the unprivileged processes",
      ),
    ),
    await look("policy", () => {
      if (placed instanceof Error) throw placed;
      return `${policyPath} is valid`;
    }),
    ...(placed instanceof Error ? [] : await policyWarnings(placed, engine)),
    await look("data folder", () => room(data)),
    await look("Docker Engine", async () => `answers, version ${(await engine.info()).ServerVersion}`),
    ...(policy === undefined ? [] : await forPolicy(policy, engine, data)),
    await look("slots", () => slots()),
    ...(await tryLive(engine, policy)),
  ];
}

/** Where it cannot be done, the finding says what is missing: nobody is to take it for done. */
async function probeIfPossible(
  engine: Engine,
  policy: Policy | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const without = (why: string): Promise<Finding> =>
    look("probe", () => {
      throw new Warning(`nothing was tried from inside a sandbox: ${why}`);
    });
  if (process.getuid?.() !== 0) return [await without("it takes root's rights. Run it with sudo.")];
  if (policy === undefined) return [await without("the policy is not valid. Mend it first.")];
  // Debugging shows what the parts of it say; all else is in the findings.
  const log = process.env["MITSUBAKO_LOG"] === "debug" ? openLog() : pino({ level: "silent" });
  return probe({ engine, policy, signal, log });
}

async function forPolicy(policy: Policy, engine: Engine, data: string): Promise<Finding[]> {
  return [
    await look("netfilter", async () => {
      const { network, profiles } = networksOf(policy);
      const chosen = await engineFor(network, profiles);
      return `${chosen} takes the policy's rules (network.engine: ${policy.network.engine})`;
    }),
    ...(await examineLimits(policy, engine, data)),
    await look("files of sandboxes", () => examineFileWitness(policy.evidence)),
    await look("processes", () => processesSeen(policy)),
    await look("sandbox image", async () => {
      try {
        const personas = new Map(everyPolicy(policy).map(({ persona }) => [persona.name, persona]));
        const images: string[] = [];
        for (const persona of personas.values()) images.push((await findPersona(engine, persona)).image);
        return `${images.join(", ")} ${images.length === 1 ? "is" : "are"} there`;
      } catch (error) {
        if (error instanceof MitsubakoError && error.code === "image-missing")
          throw new Warning(`${error.message} The first start builds it.`);
        throw error;
      }
    }),
    await look("ports", async () => {
      await claimAddresses(policy.listen);
      return "free to listen on";
    }),
  ];
}

function root(): string {
  if (process.getuid?.() === 0) return "root";
  throw new Error("not root. Run it with sudo.");
}

async function programs(): Promise<string> {
  const missing: string[] = [];
  for (const [program, packageName] of Object.entries(PROGRAMS))
    if (!(await findProgram(program))) missing.push(`${program} (apt-get install ${packageName})`);
  if (missing.length > 0) throw new Error(`missing: ${missing.join(", ")}`);
  return "all there";
}

async function room(data: string): Promise<string> {
  let folder = data;
  for (;;) {
    const stat = await statfs(folder).catch(() => undefined);
    if (stat) {
      const free = Math.floor((stat.bavail * stat.bsize) / MEBIBYTE);
      if (free < 1024) throw new Warning(`${data} has ${free} MiB left; recordings of a busy day need more.`);
      return `${data} has ${free} MiB left`;
    }
    if (folder === dirname(folder)) throw new Error(`${data} is on no file system`);
    folder = dirname(folder);
  }
}

async function slots(): Promise<string> {
  const held: number[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    await using lease = await trySlot(slot);
    if (!lease) held.push(slot);
  }
  return held.length === 0 ? "no gateway runs" : `gateways run in ${held.join(", ")}`;
}
