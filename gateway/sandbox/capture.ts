import { closeSync, constants, fstatSync, openSync, readFileSync, type BigIntStats } from "node:fs";
import { open, readlink } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { toByteString, type ByteString } from "../model/bytes.ts";
import type { Change } from "../model/capture.ts";
import type { Policy } from "../model/policy.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { Artifacts } from "./artifacts.ts";
import { sameOwner, type Baseline } from "./baseline.ts";
import { hashOf, type Hashes } from "./hashes.ts";
import type { KeptArtifacts } from "./kept-artifacts.ts";
import type { ServiceFiles } from "./service-files.ts";
import { below, lstatOf, type Layers } from "./layers.ts";
import type { EngineFacts } from "./engine-facts.ts";
import { walkUpper, type Found } from "./upper-walk.ts";

/** Without O_NONBLOCK a pipe that took a file's place would hang us; without O_NOFOLLOW a link would lead out. */
const CAREFULLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Bytes up to which a file is read at once. */
const WHOLE = 256n * 1024n;

export interface CaptureInput {
  readonly layers: Layers;
  readonly baseline: Baseline;
  readonly services: ServiceFiles | undefined;
  readonly bounds: Policy["evidence"];
  readonly artifacts: Artifacts;
  readonly remap: EngineFacts["remap"];
  /** What earlier captures of the same sandbox found, and what they kept. */
  readonly hashes: Hashes;
  readonly kept: KeptArtifacts;
}

export interface Captured {
  readonly changes: readonly Change[];
  readonly cut: boolean;
}

/** A change, before it is known whether its content is kept. */
interface Listed {
  readonly change: Change;
  readonly stat: BigIntStats | undefined;
}

type Judged = Pick<Change, "kind" | "grown">;

/**
 * What the sandbox's source changed, with the content of every added or changed file kept within the bounds. The sandbox is frozen or
 * dead. Devices, pipes and sockets are listed, never opened.
 */
export async function captureChanges(input: CaptureInput): Promise<Captured> {
  const { listed, cut } = await list(input);
  const changes: Change[] = [];
  for (const { change, stat } of listed) {
    if (change.type !== "file" || stat === undefined) {
      changes.push(change);
      continue;
    }
    const path = change.path as ByteString;
    const { grown, ...known } = change;
    const kept = await content(input, path, stat, grown);
    const isSkeleton = change.kind === "A" && (await equalsSkeleton(input, path, kept.sha256));
    // Views pass over what only grew: never over a content that nobody could look at afterwards.
    const isGrown = grown === true && kept.sha256 !== undefined;
    changes.push({
      ...known,
      ...kept,
      ...(isSkeleton ? { skeleton: true } : {}),
      ...(isGrown ? { grown } : {}),
    });
  }
  return { changes, cut };
}

/** Whether it is what the image, not the sandbox, has under that name in the skeleton of homes. */
async function equalsSkeleton(
  { layers, hashes }: CaptureInput,
  path: ByteString,
  sha256: string | undefined,
) {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const original = `/etc/skel/${name}` as ByteString;
  if (sha256 === undefined || path === original) return false;
  for (const layer of layers.lowers) {
    const stat = lstatOf(layer, original);
    if (stat !== undefined) return stat.isFile() && (await hashOf(hashes, layer, original, stat)) === sha256;
  }
  return false;
}

/** The hash under which a file's content is kept, or why it is not. */
async function content(
  input: CaptureInput,
  path: ByteString,
  stat: BigIntStats,
  grown: Change["grown"],
): Promise<Pick<Change, "sha256" | "leftOut">> {
  const known = input.hashes.kept(path, stat);
  if (known !== undefined) return { sha256: known };
  const size = Number(stat.size);
  const leftOut = input.kept.overBounds(grown ? partOf(input.bounds) : input.bounds, size);
  if (leftOut !== undefined) return { leftOut };
  const outcome = await keep(input, path, stat);
  if ("sha256" in outcome) input.kept.add(outcome.sha256, size);
  return outcome;
}

/** Who comes and goes must not fill with logs what is there for files of theirs. */
function partOf(bounds: Policy["evidence"]): Policy["evidence"] {
  return { ...bounds, mostFiles: bounds.mostFiles / 4, mostBytes: bounds.mostBytes / 4 };
}

/** Sorted by path, as `docker diff` does. */
async function list(input: CaptureInput): Promise<{ listed: readonly Listed[]; cut: boolean }> {
  const { layers, baseline, bounds } = input;
  const listed = new Map<string, Listed>();
  const folders = new Map<string, Listed>();
  const seen = new Set<ByteString>();
  let cut = false;
  const walk = walkUpper(layers, () => (cut = true));
  for await (const found of walk) {
    seen.add(found.path);
    if (listed.size >= bounds.mostChanges) {
      cut = true;
      break;
    }
    const judged = await judge(found, input);
    if (judged === undefined) continue;
    const entry = await describe(found, judged, input);
    // A folder that only lies on the way counts when something in it does.
    if (entry.change.type === "directory" && judged.kind === "C" && !isFolderChanged(found, input))
      folders.set(found.path, entry);
    else listed.set(found.path, entry);
  }
  if (!cut)
    for (const path of baseline.paths)
      if (!seen.has(path)) listed.set(path, { change: { kind: "D", path, type: "gone" }, stat: undefined });
  for (const [path, { change }] of [...listed]) {
    if (change.grown) continue;
    for (let at = parentOf(path); at !== undefined; at = parentOf(at)) {
      const folder = folders.get(at);
      if (folder) listed.set(at, folder);
      folders.delete(at);
    }
  }
  const sorted = [...listed.values()].sort((one, other) => (one.change.path < other.change.path ? -1 : 1));
  return { listed: sorted.slice(0, bounds.mostChanges), cut: cut || sorted.length > bounds.mostChanges };
}

async function judge(found: Found, input: CaptureInput): Promise<Judged | undefined> {
  const kind = await kindOf(found, input);
  if (kind === undefined) return undefined;
  return (await isGrown(found, input)) ? { kind, grown: true } : { kind };
}

/** What a service writes by itself, as far as can be told. */
async function isGrown({ path, now }: Found, { baseline, services, remap }: CaptureInput): Promise<boolean> {
  if (services === undefined || now?.isFile() !== true) return false;
  if (services.isNote(path, now, remap.uid)) return true;
  return baseline.isInPlace(path, now) && services.isGrown(path, now);
}

/** Undefined: it is as it was. */
async function kindOf(found: Found, input: CaptureInput): Promise<Change["kind"] | undefined> {
  const { path, now, before } = found;
  const { baseline, services, remap, hashes, layers } = input;
  // What the image had and our preparations took away is in the baseline's absence of it, not the source's doing.
  if (!now) return baseline.wasGone(path) ? undefined : "D";
  if (baseline.isUntouched(path, now)) return now.isDirectory() && before ? "C" : undefined;
  const hash = () => hashOf(hashes, layers.upper, path, now);
  if (await baseline.isOurs(path, now, remap, hash)) return now.isDirectory() ? "C" : undefined;
  if (services?.isGreeting(path, now, remap.uid) === true) return undefined;
  if (baseline.has(path)) return "C";
  if (!before) return "A";
  return (await isCopyOnly(found, input)) ? undefined : "C";
}

/** overlayfs copies a file up when it is opened for writing, whether or not anything is written. */
async function isCopyOnly({ path, now, before }: Found, { hashes, layers }: CaptureInput): Promise<boolean> {
  if (!now?.isFile() || !before?.stat.isFile()) return false;
  if (!sameOwner(now, before.stat) || now.mode !== before.stat.mode || now.size !== before.stat.size)
    return false;
  if (now.mtimeNs !== before.stat.mtimeNs) return false;
  const [one, other] = await Promise.all([
    hashOf(hashes, layers.upper, path, now),
    hashOf(hashes, before.layer, path, before.stat),
  ]);
  return one !== undefined && one === other;
}

/** Other names in it, another owner or mode; not merely one that something changed below. */
function isFolderChanged({ path, now, before }: Found, { baseline, services }: CaptureInput): boolean {
  if (!now) return true;
  if (services?.isFolderOfTheirs(path) === true && baseline.isInPlace(path, now)) return false;
  if (baseline.isUntouched(path, now) || baseline.isFolderOfOurs(path)) return false;
  if (baseline.has(path) || !before?.stat.isDirectory()) return true;
  const { stat } = before;
  return !sameOwner(now, stat) || now.mode !== stat.mode || now.mtimeNs !== stat.mtimeNs;
}

async function describe(
  { path, now: stat }: Found,
  judged: Judged,
  { layers, remap }: CaptureInput,
): Promise<Listed> {
  if (!stat) return { change: { ...judged, path, type: "gone" }, stat: undefined };
  const type = typeOf(stat);
  return {
    stat,
    change: {
      ...judged,
      path,
      type,
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid) - remap.uid,
      gid: Number(stat.gid) - remap.gid,
      size: Number(stat.size),
      modifiedAt: timeOf(stat),
      ...(type === "link"
        ? { linkTarget: toByteString(await readlink(below(layers.upper, path), { encoding: "buffer" })) }
        : {}),
    },
  };
}

function typeOf(stat: BigIntStats): Change["type"] {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  return stat.isSymbolicLink() ? "link" : "other";
}

/** A file's time can be set to anything, also to what no Date can be. */
function timeOf(stat: BigIntStats): string {
  const date = new Date(Number(stat.mtimeMs));
  return Number.isNaN(date.getTime()) ? "unknown" : date.toISOString();
}

async function keep(
  { layers, artifacts, bounds, hashes }: CaptureInput,
  path: ByteString,
  listed: BigIntStats,
): Promise<{ sha256: string } | { leftOut: "unreadable" | "too-large" }> {
  try {
    if (listed.size <= WHOLE) {
      const content = readWhole(below(layers.upper, path), listed);
      if (content === undefined) return { leftOut: "unreadable" };
      const { sha256 } = artifacts.keepWhole(content);
      hashes.remember(path, listed, sha256);
      // Between two files everybody else has a turn.
      await nextTurn();
      return { sha256 };
    }
    await using file = await open(below(layers.upper, path), CAREFULLY);
    const opened = await file.stat({ bigint: true });
    if (!isListed(opened, listed)) return { leftOut: "unreadable" };
    const content = file.createReadStream({ autoClose: false, highWaterMark: 1 << 18 });
    const kept = await artifacts.keep(content as AsyncIterable<Buffer>, bounds.largestFile);
    if (kept === undefined) return { leftOut: "too-large" };
    hashes.remember(path, listed, kept.sha256);
    return { sha256: kept.sha256 };
  } catch (error) {
    if (error instanceof MitsubakoError) throw error;
    return { leftOut: "unreadable" };
  }
}

function readWhole(at: Buffer, listed: BigIntStats): Buffer | undefined {
  const file = openSync(at, CAREFULLY);
  try {
    return isListed(fstatSync(file, { bigint: true }), listed) ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}

function isListed(opened: BigIntStats, listed: BigIntStats): boolean {
  return opened.isFile() && opened.ino === listed.ino && opened.dev === listed.dev;
}

function parentOf(path: string): string | undefined {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? undefined : path.slice(0, slash);
}
