import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { MitsubakoError } from "../model/errors.ts";
import type { Policy } from "../model/policy.ts";
import { SLOTS } from "../model/slot.ts";
import { loadPolicy } from "../policy/load.ts";
import { Engine } from "../sandbox/docker.ts";
import { learnEngine } from "../sandbox/engine-facts.ts";
import { findPersona } from "../sandbox/image/find.ts";
import { fitLimits } from "../sandbox/limits.ts";
import { requireReadableCode } from "../warden/confine/code.ts";
import { claimAddresses } from "../warden/listeners.ts";
import { trySlot } from "../warden/slot.ts";
import { findProgram, givenPath, PROJECT_ROOT } from "./paths.ts";

interface Finding {
  readonly what: string;
  /** warning: it runs, but not as one would want. */
  readonly state: "good" | "warning" | "bad";
  readonly says: string;
}

/** Programs that a running gateway calls, with the package that brings each. */
const PROGRAMS = {
  nft: "nftables",
  ip: "iproute2",
  tc: "iproute2",
  bridge: "iproute2",
  conntrack: "conntrack",
  unshare: "util-linux",
  setpriv: "util-linux",
  mount: "mount",
  perl: "perl-base",
  "ssh-keygen": "openssh-client",
};
const MEBIBYTE = 2 ** 20;

/** Looks at everything that a start needs, changes nothing, and goes on after what is bad. Exit code 1 when something is. */
export async function doctorCommand(options: { policy: string; data: string; json?: true }): Promise<number> {
  const findings = await examine(givenPath(options.policy), givenPath(options.data));
  if (options.json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else
    for (const { what, state, says } of findings) process.stdout.write(`${MARK[state]} ${what}: ${says}\n`);
  return findings.some(({ state }) => state === "bad") ? 1 : 0;
}

const MARK = { good: "  ok    ", warning: "  warn  ", bad: "  BAD   " };

async function examine(policyPath: string, data: string): Promise<Finding[]> {
  const engine = new Engine();
  const loaded = await loadPolicy(policyPath).catch((error: unknown) => error);
  const policy = loaded instanceof Error ? undefined : (loaded as { policy: Policy }).policy;
  return [
    await look("rights", () => root()),
    await look("programs", () => programs()),
    await look("code", () =>
      requireReadableCode(PROJECT_ROOT, "gateway/front/main.ts").then(
        () => "readable by the unprivileged processes",
      ),
    ),
    await look("policy", () => {
      if (loaded instanceof Error) throw loaded;
      return `${policyPath} is valid`;
    }),
    await look("data folder", () => room(data)),
    await look("Docker Engine", async () => `answers, version ${(await engine.info()).ServerVersion}`),
    await look("user namespaces", async () => {
      const { remap } = await learnEngine(engine);
      if (remap.uid === 0)
        throw new Warning(
          'the engine runs without userns-remap: root in a sandbox is root\'s uid on this machine. Put {"userns-remap": "default"} into /etc/docker/daemon.json and restart it.',
        );
      return `root in a sandbox is uid ${remap.uid} here`;
    }),
    ...(policy === undefined ? [] : await forPolicy(policy, engine)),
    await look("slots", () => slots()),
  ];
}

async function forPolicy(policy: Policy, engine: Engine): Promise<Finding[]> {
  return [
    await look("limits", async () => {
      const { unmet } = fitLimits(policy.sandbox, await learnEngine(engine));
      if (unmet.length > 0) throw new Warning(unmet.join(" "));
      return "the engine can enforce every limit of the policy";
    }),
    await look("sandbox image", async () => {
      try {
        return `${(await findPersona(engine, policy.persona)).image} is there`;
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

/** It works, and should be better. */
class Warning extends Error {}

async function look(what: string, check: () => string | Promise<string>): Promise<Finding> {
  try {
    return { what, state: "good", says: await check() };
  } catch (error) {
    if (error instanceof Warning) return { what, state: "warning", says: error.message };
    const remedy = error instanceof MitsubakoError && error.remedy !== undefined ? ` ${error.remedy}` : "";
    return { what, state: "bad", says: `${error instanceof Error ? error.message : String(error)}${remedy}` };
  }
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
