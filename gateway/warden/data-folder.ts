import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  lchown,
  lstat,
  mkdir,
  open,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  statfs,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { MitsubakoError } from "../model/errors.ts";
import { SEALING_FOLDER, TAKEN_FOLDER } from "../model/recording-file.ts";
import { COURIER_FOLDER, SPOOL_FOLDER } from "../model/spool.ts";

/** What a gateway knows of itself across starts, kept in `gateway.json`. */
export interface GatewayIdentity {
  /** Rides in every event. */
  readonly uuid: string;
  /** The slot it had last, tried first at the next start. */
  readonly slot?: number;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface DataFolder extends AsyncDisposable {
  /** Absolute, without links. */
  readonly path: string;
  readonly identity: GatewayIdentity;
}

/** Below this a start is refused: recordings of one busy hour would not fit. */
const LEAST_FREE_BYTES = 64 * 2 ** 20;

/**
 * Makes the data folder and takes it for this process.
 *
 * @throws MitsubakoError `data-unusable`, `data-in-use`, `disk-full`.
 */
export async function openDataFolder(folder: string): Promise<DataFolder> {
  try {
    await mkdir(folder, { recursive: true });
    const path = await realpath(folder);
    const { bavail, bsize } = await statfs(path);
    if (bavail * bsize < LEAST_FREE_BYTES)
      throw new MitsubakoError(
        "disk-full",
        `The disk of the data folder ${path} has less than 64 MiB free.`,
        {
          remedy: "Free some room there or choose another folder with --data.",
        },
      );
    const lock = await takeFolder(path);
    return {
      path,
      identity: await readIdentity(path),
      [Symbol.asyncDispose]: () =>
        new Promise((resolve) => {
          lock.close(() => {
            resolve();
          });
        }),
    };
  } catch (cause) {
    if (cause instanceof MitsubakoError) throw cause;
    throw new MitsubakoError(
      "data-unusable",
      `The data folder ${folder} cannot be used (${(cause as Error).message}).`,
      {
        remedy: "Make it a folder that root may write to, or choose another with --data.",
        cause,
      },
    );
  }
}

/** The folders inside, each with the least rights that its user needs. Done again at each start, as uids follow the slot. */
export async function layOut(
  path: string,
  archivist: Owner,
  courier: Owner,
  fronts: readonly Owner[],
): Promise<void> {
  // The archivist makes files here (SQLite keeps its journal beside the index); the sticky bit keeps it off the others.
  await own(path, { uid: 0, gid: archivist.gid }, 0o1771);
  for (const name of ["keys", "tools"]) await folder(join(path, name), { uid: 0, gid: 0 }, 0o700);
  await folder(join(path, "recordings"), { uid: 0, gid: archivist.gid }, 0o750);
  await folder(join(path, "events"), archivist, 0o700);
  await folder(dirname(join(path, SPOOL_FOLDER)), { uid: 0, gid: 0 }, 0o711);
  // Each writes in one and reads in the other: what is made there belongs to the other one's group.
  await folder(join(path, SPOOL_FOLDER), { uid: archivist.uid, gid: courier.gid }, 0o2750);
  await folder(join(path, COURIER_FOLDER), { uid: courier.uid, gid: archivist.gid }, 0o2750);
  await inherit(path, archivist, courier);
  await folder(join(path, "artifacts"), { uid: 0, gid: archivist.gid }, 0o750);
  await folder(join(path, "live"), { uid: 0, gid: archivist.gid }, 0o751);
  await folder(join(path, TAKEN_FOLDER), { uid: 0, gid: archivist.gid }, 0o750);
  await folder(join(path, SEALING_FOLDER), archivist, 0o700);
  for (const [index, front] of fronts.entries())
    // The front may make files in its folder and not list it; the archivist, its owner, reads along.
    await folder(join(path, "live", String(index)), { uid: archivist.uid, gid: front.gid }, 0o730);
}

export async function saveIdentity(path: string, identity: GatewayIdentity): Promise<void> {
  const temporary = join(path, ".gateway.json.new");
  await rm(temporary, { force: true });
  // Made anew, or not at all: others may make files here, links among them.
  await writeFile(temporary, `${JSON.stringify(identity, null, 2)}\n`, { mode: 0o644, flag: "wx" });
  await rename(temporary, join(path, "gateway.json"));
}

/** In another slot than last time the archivist is another user: what it keeps and what it reads become its own again. */
async function inherit(path: string, archivist: Owner, courier: Owner): Promise<void> {
  const reader = { uid: 0, gid: archivist.gid };
  for (const [name, owner] of [
    ["recordings", reader],
    ["artifacts", reader],
    ["events", archivist],
    [SPOOL_FOLDER, { uid: archivist.uid, gid: courier.gid }],
    [COURIER_FOLDER, { uid: courier.uid, gid: archivist.gid }],
    ["index.sqlite", archivist],
    ["index.sqlite-wal", archivist],
    ["index.sqlite-shm", archivist],
  ] as const) {
    const top = join(path, name);
    const stat = await lstat(top).catch(() => undefined);
    if (!stat || !(await isAnothers(top, stat, owner))) continue;
    await lchown(top, owner.uid, owner.gid);
    if (!stat.isDirectory()) continue;
    for (const entry of await readdir(top, { recursive: true, withFileTypes: true }))
      await lchown(join(entry.parentPath, entry.name), owner.uid, owner.gid);
  }
}

/** Of a folder, one entry stands for all: they were given to one group together. */
async function isAnothers(
  top: string,
  stat: { uid: number; gid: number; isDirectory(): boolean },
  { uid, gid }: Owner,
): Promise<boolean> {
  // Root may have made it anew, in a folder of that group.
  if (!stat.isDirectory()) return stat.uid !== uid || stat.gid !== gid;
  const [first] = await readdir(top);
  return first !== undefined && (await lstat(join(top, first))).gid !== gid;
}

async function folder(path: string, owner: Owner, mode: number): Promise<void> {
  await mkdir(path, { recursive: true });
  await own(path, owner, mode);
}

/** The archivist could have put a link in place of a folder that was its own; none is followed. */
async function own(path: string, owner: Owner, mode: number): Promise<void> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await handle.chown(owner.uid, owner.gid);
  await handle.chmod(mode);
}

async function readIdentity(path: string): Promise<GatewayIdentity> {
  try {
    const parsed = JSON.parse(await readFile(join(path, "gateway.json"), "utf8")) as Partial<GatewayIdentity>;
    if (typeof parsed.uuid === "string")
      return { uuid: parsed.uuid, ...(typeof parsed.slot === "number" ? { slot: parsed.slot } : {}) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
  }
  return { uuid: randomUUID() };
}

/** An abstract socket is a lock that the kernel gives back however its holder dies. */
async function takeFolder(path: string): Promise<{ close(done: () => void): void }> {
  const name = createHash("sha256").update(path).digest("hex").slice(0, 24);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === "EADDRINUSE"
          ? new MitsubakoError("data-in-use", `Another gateway works on the data folder ${path}.`, {
              remedy: "Stop it, or give this one a folder of its own with --data.",
              cause,
            })
          : cause,
      );
    });
    server.listen(`\0mitsubako-data-${name}`, resolve);
  });
  return server;
}
