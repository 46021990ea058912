import { accessSync, constants } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Policy } from "../model/policy.ts";
import type { Engine } from "../sandbox/docker.ts";
import { learnEngine, type EngineFacts } from "../sandbox/engine-facts.ts";
import {
  checkEngine,
  requireRuntime,
  requireSeccomp,
  requireUserns,
  USERNS_REMEDY,
} from "../sandbox/limits.ts";
import { checkOpenFiles, openFilesPossible } from "../warden/open-files.ts";
import { look, Warning, type Finding } from "./finding.ts";
import { findProgram } from "./paths.ts";

const MEBIBYTE = 2 ** 20;

/** What keeps sandboxes and strangers within the policy's limits on this machine, and what does not. */
export async function examineLimits(policy: Policy, engine: Engine, data: string): Promise<Finding[]> {
  const facts = await learnEngine(engine).catch((error: unknown) => error as Error);
  const withFacts = (check: (known: EngineFacts) => string | Promise<string>) => () => {
    if (facts instanceof Error) throw facts;
    return check(facts);
  };
  return [
    await look(
      "user namespaces",
      withFacts((known) => userns(policy, known)),
    ),
    await look(
      "seccomp",
      withFacts((known) => {
        requireSeccomp(known);
        return "the engine filters each sandbox's system calls by our own profile";
      }),
    ),
    await look(
      "runtime",
      withFacts((known) => {
        requireRuntime(policy, known);
        return policy.sandbox.runtime ?? "the engine's default";
      }),
    ),
    await look(
      "limits",
      withFacts((known) => {
        const unmet = checkEngine(policy, known);
        if (unmet.length > 0) throw new Warning(unmet.join(" "));
        return "this machine enforces every limit of the policy";
      }),
    ),
    await look("loop devices", withFacts(loopDevices)),
    await look(
      "disguise",
      withFacts((known) => disguise(policy, known)),
    ),
    await look("disk floor", () => diskFloor(policy, data, facts instanceof Error ? undefined : facts)),
    await look("open files", () => {
      const tooFew = checkOpenFiles(policy.limits);
      if (tooFew !== undefined) throw new Warning(tooFew);
      return `${openFilesPossible()} for each front, enough for ${policy.limits.connections} connections`;
    }),
  ];
}

function userns(policy: Policy, facts: EngineFacts): string {
  requireUserns(policy, facts);
  if (facts.remap.uid === 0)
    throw new Warning(
      `the engine runs without userns-remap: root in a sandbox is root's uid on this machine. ${USERNS_REMEDY}. sandbox.userns: required refuses to run without.`,
    );
  return `root in a sandbox is uid ${facts.remap.uid} here`;
}

/** That it can be tried; the probe makes its sandboxes with it. */
async function disguise({ sandbox: { disguise: wanted } }: Policy, facts: EngineFacts): Promise<string> {
  if (wanted === "off")
    throw new Warning("sandbox.disguise is off: sandboxes show in their mounts that they are containers.");
  const missing = facts.diskCap
    ? await programMissing("tcc")
    : "the engine's folder is not the gateway's to mount in";
  if (missing === undefined)
    return `sandboxes' mounts are made to look like a server's (sandbox.disguise: ${wanted})`;
  if (wanted === "required")
    throw new Error(`sandbox.disguise is required, and ${missing}: nothing would start.`);
  throw new Warning(`sandboxes show in their mounts that they are containers: ${missing}.`);
}

async function programMissing(name: string): Promise<string | undefined> {
  return (await findProgram(name)) === undefined
    ? `${name} is not installed, which builds the program for it`
    : undefined;
}

/** Each sandbox's disk is one; the kernel makes them as they are asked for. */
function loopDevices(facts: EngineFacts): string {
  try {
    accessSync("/dev/loop-control", constants.R_OK | constants.W_OK);
  } catch {
    throw new Warning(
      "there are none, so sandboxes have no disk of their own: `modprobe loop` brings them, or --device /dev/loop-control in a container.",
    );
  }
  return facts.diskCap
    ? "each sandbox gets a disk of its own"
    : "there, and not used: see limits for what else a disk takes";
}

async function diskFloor(policy: Policy, data: string, facts: EngineFacts | undefined): Promise<string> {
  const { diskFloor: floor } = policy.limits;
  const free = await freeBelow(data);
  const ofEngine = facts === undefined ? free : await freeBelow(facts.dataRoot).catch(() => free);
  const least = Math.min(free, ofEngine);
  const shown = `${Math.floor(least / MEBIBYTE)} MiB are free, limits.diskFloor is ${Math.floor(floor / MEBIBYTE)} MiB`;
  if (least < floor) throw new Error(`${shown}: nobody would be let in. Make room, or lower it.`);
  // The disks of all sandboxes may fill at the same time.
  const disks = policy.sandbox.most * policy.sandbox.disk;
  if (least - floor < disks)
    throw new Warning(
      `${shown}, and the disks of all sandboxes may fill ${Math.floor(disks / MEBIBYTE)} MiB: below the floor nobody new is let in, and the largest sandboxes go. Lower sandbox.disk or sandbox.most to avoid that.`,
    );
  return `${shown}, and all sandboxes together cannot reach it`;
}

/** Free bytes where the folder is, or will be. */
async function freeBelow(folder: string): Promise<number> {
  const stat = await statfs(folder).catch(() => undefined);
  if (stat) return stat.bavail * stat.bsize;
  if (folder === dirname(folder)) throw new Error(`${folder} is on no file system`);
  return freeBelow(dirname(folder));
}
