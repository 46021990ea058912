/** A room like a sandbox's, without the engine: own processes, an overlay of this machine's files as its root, own shared memory. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { pino } from "pino";
import { childUid, FILE_WITNESS_INDEX, SLOTS } from "../../gateway/model/slot.ts";
import { placesOf, type WitnessPlaces } from "../../gateway/warden/file-witness-places.ts";
import { buildFileWitness } from "../../gateway/warden/file-witness-program.ts";
import type { WitnessedFile } from "../../gateway/warden/file-witness-records.ts";
import { FileWitness } from "../../gateway/warden/file-witness.ts";

/** What a file was when it was told, with its content where that was. */
export type Told = Omit<WitnessedFile, "content"> & { readonly content: Buffer | string };

export interface SandboxRoom extends AsyncDisposable {
  /** Its first process. */
  readonly pid: number;
  readonly places: WitnessPlaces;
  /** Where its disk is mounted. */
  readonly folder: string;
  /** Runs a shell command in it as its root; gives what it said. Fails when that fails. */
  run(command: string): Promise<string>;
}

const SETUP = `set -eu
mkdir "$1/room/diff" "$1/room/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/room/diff,workdir=$1/room/work" "$1/root"
cd "$1/root"
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/shm
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mount -t tmpfs shm dev/shm
mount -t proc proc proc
pivot_root . .
umount -l .
mkdir -p /room && cd /room
echo ready
exec sleep 3600`;

/** Needs root. @param bytes of its disk. */
export async function openRoom(bytes = 512 * 2 ** 20): Promise<SandboxRoom> {
  if (process.getuid?.() !== 0)
    throw new Error("this test makes a room of its own, which needs root: run `sudo npm test`");
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-room-"));
  await run("truncate", ["-s", String(bytes), join(folder, "disk")]);
  await run("mkfs.ext4", ["-q", "-m", "0", "-O", "^has_journal", join(folder, "disk")]);
  await run("mkdir", [join(folder, "room")]);
  // On the machine, as sandboxes have it.
  await run("mount", ["-t", "ext4", "-o", "loop,discard", join(folder, "disk"), join(folder, "room")]);
  const clear = async () => {
    await run("umount", [join(folder, "room")]);
    await rm(folder, { recursive: true, force: true });
  };
  const keeper = spawn(
    "unshare",
    [
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "--propagation",
      "private",
      "sh",
      "-c",
      SETUP,
      "sh",
      folder,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    const [line] = (await once(createInterface({ input: keeper.stdout }), "line")) as [string];
    if (line !== "ready") throw new Error(`the room said ${line}`);
    const pid = await firstChildOf(keeper);
    const places = placesOf(pid);
    if (places === undefined) throw new Error("the room cannot be watched");
    return {
      ...{ pid, places, folder: join(folder, "room") },
      async run(command) {
        const inside = ["--target", String(pid), "--mount", "--pid", "--root", "--wd", "sh", "-c", command];
        return (await run("nsenter", inside, { maxBuffer: 2 ** 26 })).stdout;
      },
      async [Symbol.asyncDispose]() {
        const ended = once(keeper, "exit");
        keeper.kill("SIGKILL");
        await ended;
        await clear();
      },
    };
  } catch (error) {
    keeper.kill("SIGKILL");
    await clear();
    throw error;
  }
}

const run = promisify(execFile);

async function firstChildOf(keeper: ChildProcess): Promise<number> {
  const { stdout } = await run("pgrep", ["--parent", String(keeper.pid)]);
  return Number(stdout.trim());
}

export interface Watched extends AsyncDisposable {
  readonly witness: FileWitness;
  /** So far, in order. */
  readonly told: Told[];
  /** Files of which no more was said. */
  readonly skipped: () => number;
  readonly overflows: () => number;
  readonly log: () => string;
  /** It takes its last look; all is told then. */
  stop(): Promise<readonly Told[]>;
}

export interface WatchOptions {
  readonly largest?: number;
  readonly total?: number;
  readonly payer?: number;
}

/** The last slot's. */
export const WITNESS_UID = childUid(SLOTS - 1, FILE_WITNESS_INDEX);

/** A witness of the room, with what it tells. */
export async function watch(room: SandboxRoom, options: WatchOptions = {}): Promise<Watched> {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-witness-"));
  const told: Told[] = [];
  let [skipped, overflows] = [0, 0];
  let log = "";
  const witness = await FileWitness.start({
    program: await buildFileWitness(folder),
    uid: WITNESS_UID,
    payer: options.payer ?? WITNESS_UID,
    pid: room.pid,
    places: room.places,
    largest: options.largest ?? 2 ** 20,
    total: options.total ?? 2 ** 30,
    log: pino({ level: "debug" }, { write: (line: string) => void (log += line) }),
    async take(record) {
      if (record.kind === "skipped") skipped += record.files;
      else if (record.kind === "overflow") overflows++;
      else told.push({ ...record, content: await whole(record.content) });
    },
  }).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  return {
    ...{ witness, told, skipped: () => skipped, overflows: () => overflows, log: () => log },
    async stop() {
      await witness.stop();
      return told;
    },
    async [Symbol.asyncDispose]() {
      await witness.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function whole(content: WitnessedFile["content"]): Promise<Buffer | string> {
  if (typeof content === "string") return content;
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}
