import { spawn, type ChildProcess } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { MitsubakoError } from "../model/errors.ts";
import { ARCHIVIST_INDEX, childUid, COURIER_INDEX, OUTPOST_INDEX, WATCHER_INDEX } from "../model/slot.ts";
import { requireReadableCode } from "./confine/code.ts";

export interface Confinement {
  readonly role: "front" | "archivist" | "outpost" | "courier" | "watcher";
  readonly slot: number;
  /** Below FIRST_HELPER_INDEX; for fronts. */
  readonly index?: number;
  /** Relative to the code's root, such as `gateway/front/main.ts`. */
  readonly entry: string;
  /** The checkout; seen inside as /run/mitsubako/code, read-only. */
  readonly codeRoot: string;
  readonly folders: readonly ConfinedFolder[];
  /** More of Node's own flags, such as `--max-old-space-size=512`. */
  readonly nodeFlags?: readonly string[];
  /** More environment; nothing of ours is inherited. */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Where its standard output goes, as fast as that takes it: a reader that stops stops it, and not us. Default: with the rest of what it
   * prints.
   */
  readonly standardOutput?: Writable;
  /** What it prints, as it comes. Default: to our standard error. It never gets our own terminal or files. */
  readonly onOutput?: (chunk: Buffer) => void;
}

/** Seen inside as /run/mitsubako/`name`. The host's folder must exist and belong to whom it should. */
export interface ConfinedFolder {
  readonly host: string;
  readonly name: string;
  readonly writable: boolean;
}

/** Where everything of ours lies inside. */
export const CONFINED_ROOT = "/run/mitsubako";

/**
 * Starts an unprivileged process with a channel that takes sockets along (`child.send(message, server)`): own uid, no
 * groups, no capability in any set, no way to new ones, an own file system with nothing in it but the system's
 * libraries, our code and the folders named, and Node's permission model on top. It dies with this process.
 * The process id is that of the node process itself.
 *
 * @throws MitsubakoError `code-unreadable`, `tool-missing`.
 */
export async function spawnConfined(confinement: Confinement): Promise<ChildProcess> {
  const { role, slot, codeRoot, folders } = confinement;
  const uid = childUid(slot, placeOf(confinement));
  for (const { name } of folders)
    if (!/^[a-z][a-z0-9-]{0,30}$/.test(name) || name === "code" || name === "node")
      throw new RangeError(`${name} cannot be the name of a folder inside`);
  await requireReadableCode(codeRoot, confinement.entry);
  // Only a place to mount on: what is mounted there is seen by the child alone, so gateways can share it.
  await mkdir(CONFINED_ROOT, { recursive: true, mode: 0o755 });

  const child = spawn(
    "unshare",
    [
      // Archivist and outpost get a network with nothing in it; a cable may be laid to the outpost's. Fronts must reach the sandboxes.
      ...["--mount", "--ipc", ...(role === "front" ? [] : ["--net"]), "--propagation", "private", "--"],
      ...["sh", join(codeRoot, "gateway/warden/confine/enter.sh"), String(uid)],
      ...[role === "front" ? "022" : "027", process.execPath, codeRoot],
      ...folders.flatMap(({ host, name, writable }) => [name, writable ? "rw" : "ro", host]),
      "--",
      ...nodeArguments(confinement),
    ],
    {
      // A session of its own: it cannot reach our terminal, and a Ctrl-C there is for the warden to answer.
      detached: true,
      // The outpost reads netfilter's log there, the watcher the kernel's records.
      stdio: [role === "outpost" || role === "watcher" ? "pipe" : "ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
      cwd: "/",
      env: {
        PATH: "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
        LANG: "C.UTF-8",
        // Its ring would let reads and writes pass the permission model by, and holds descriptors.
        UV_USE_IO_URING: "0",
        ...confinement.environment,
      },
    },
  );
  const onOutput = confinement.onOutput ?? ((chunk) => void process.stderr.write(chunk));
  if (confinement.standardOutput) child.stdout?.pipe(confinement.standardOutput, { end: false });
  else child.stdout?.on("data", onOutput);
  child.stderr?.on("data", onOutput);
  await spawned(child);
  return child;
}

function placeOf({ role, index }: Confinement): number {
  switch (role) {
    case "front":
      return index ?? 0;
    case "archivist":
      return ARCHIVIST_INDEX;
    case "outpost":
      return OUTPOST_INDEX;
    case "courier":
      return COURIER_INDEX;
    case "watcher":
      return WATCHER_INDEX;
    default:
      return role satisfies never;
  }
}

function nodeArguments({ entry, folders, nodeFlags = [], role }: Confinement): string[] {
  const code = join(CONFINED_ROOT, "code");
  const writable = folders.filter((folder) => folder.writable);
  return [
    "--permission",
    // They would say at each start what is meant here.
    "--disable-warning=PERM0001",
    "--disable-warning=ExperimentalWarning",
    `--allow-fs-read=${code}`,
    ...folders.map(({ name }) => `--allow-fs-read=${join(CONFINED_ROOT, name)}`),
    ...writable.map(({ name }) => `--allow-fs-write=${join(CONFINED_ROOT, name)}`),
    ...(role === "archivist" || role === "watcher" || role === "courier" ? [] : ["--allow-net"]),
    ...nodeFlags,
    join(code, entry),
  ];
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => {
      reject(
        new MitsubakoError("tool-missing", `The program unshare could not be run (${cause.message}).`, {
          remedy: "Install it: apt-get install util-linux",
          cause,
        }),
      );
    });
  });
}
