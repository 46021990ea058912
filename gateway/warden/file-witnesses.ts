import { Readable } from "node:stream";
import type { Logger } from "pino";
import { MitsubakoError } from "../model/errors.ts";
import type { FileFact } from "../model/file-facts.ts";
import type { Policy } from "../model/policy.ts";
import type { Artifacts } from "../sandbox/artifacts.ts";
import type { StartedSandbox } from "../sandbox/lifecycle.ts";
import type { FileDoers } from "./file-doers.ts";
import { WitnessedContents } from "./file-witness-contents.ts";
import { placesOf } from "./file-witness-places.ts";
import { tryFileWitness } from "./file-witness-program.ts";
import { BrokenContent, type WitnessedFile, type WitnessRecord } from "./file-witness-records.ts";
import { FileWitness } from "./file-witness.ts";
import { openMemoryProgram } from "./memory-program.ts";
import type { Seen } from "./sandbox-facts.ts";
import type { UnnamedRun } from "./watch/process-watch.ts";

export interface FileWitnessesOptions {
  /** A folder of root alone, for the program. */
  readonly folder: string;
  /** The witnesses' user. */
  readonly uid: number;
  /** Users of ours, over which the kernel's bound of fanotify groups for each is spread. */
  readonly payers: readonly number[];
  readonly artifacts: Artifacts;
  /** What a sandbox's root is on the machine. */
  readonly remap: { readonly uid: number };
  /** The policy in force; asked each time. */
  readonly policy: () => Policy["evidence"];
  /** Bytes that the machine's disk has for what may be kept, at most `most`; asked each time. */
  readonly room: (most: number) => number;
  /** What is to be told once it is known whose doing it was. */
  readonly doers: Pick<FileDoers, "add" | "settled">;
  /** Of which it is known. */
  readonly take: (seen: Seen) => void;
  readonly log: Logger;
}

/** Contents that are the same many times are passed on each time, and kept once. */
const OVER_AGAIN = 4;
/** Bytes of a script that an interpreter read. */
const LARGEST_SCRIPT = 1024 * 1024;
/** Programs in memory alone of one sandbox that are read at once. */
const MOST_IN_MEMORY = 4;

interface Living {
  readonly witness: FileWitness;
  readonly contents: WitnessedContents;
  /** What is being read. */
  readonly reading: Set<Promise<void>>;
}

/** The witness of each sandbox's files, where this machine can have one. */
export class FileWitnesses {
  readonly #options: FileWitnessesOptions;
  /** Undefined: nothing is watched. */
  readonly #program: string | undefined;
  readonly #living = new Map<string, Living>();
  #started = 0;

  private constructor(options: FileWitnessesOptions, program: string | undefined) {
    this.#options = options;
    this.#program = program;
  }

  /**
   * Builds the program and tries it. What the policy says at the start holds until the end.
   * @throws MitsubakoError `tool-missing`, `witness-unfit` when the policy requires what this machine cannot do.
   */
  static async open(options: FileWitnessesOptions): Promise<FileWitnesses> {
    const { watchFiles } = options.policy();
    if (watchFiles === "off") return new FileWitnesses(options, undefined);
    try {
      return new FileWitnesses(options, await tryFileWitness(options.folder, options.uid));
    } catch (error) {
      if (watchFiles === "required") throw error;
      options.log.warn(
        `evidence.watchFiles: files that are run or deleted before a capture are not kept: ${(error as Error).message}`,
      );
      return new FileWitnesses(options, undefined);
    }
  }

  /**
   * A sandbox runs, nobody is in it.
   * @throws MitsubakoError `witness-unfit` when it cannot be watched and the policy requires it.
   */
  async started({ address, pid, kept }: Omit<StartedSandbox, "mac">): Promise<void> {
    const { policy, log, uid, payers, artifacts, room } = this.#options;
    const { watchFiles, largestFile, mostBytes } = policy();
    if (this.#program === undefined || watchFiles === "off") return;
    const contents = new WitnessedContents({
      artifacts,
      kept,
      bounds: () => ({ ...policy(), mostBytes: room(policy().mostBytes) }),
    });
    try {
      const places = placesOf(pid);
      if (places === undefined) throw new Error("its root cannot be watched apart from the machine's");
      const witness = await FileWitness.start({
        ...{
          program: this.#program,
          uid,
          payer: payers[this.#started++ % payers.length] ?? uid,
          pid,
          places,
          log,
        },
        ...{ largest: largestFile, total: mostBytes * OVER_AGAIN },
        take: (record) => this.#take(address, record, contents),
      });
      this.#living.set(address, { witness, contents, reading: new Set() });
    } catch (cause) {
      const error = new MitsubakoError(
        "witness-unfit",
        `The files of the sandbox ${address} cannot be watched (${(cause as Error).message}).`,
        { remedy: "Set evidence.watchFiles to auto, and sandboxes are made without it.", cause },
      );
      if (watchFiles === "required") throw error;
      log.warn({ err: error }, "the files of a sandbox are not watched");
    }
  }

  /**
   * Keeps a program that is no file but memory, if it runs long enough to be looked at: nothing else holds it. One that ran shorter
   * than its way to here, some milliseconds, is among the processes alone.
   */
  ranInMemory({ sandbox, namespace, session, program }: UnnamedRun): void {
    const living = this.#living.get(sandbox);
    if (living === undefined || living.reading.size >= MOST_IN_MEMORY) return;
    const found = openMemoryProgram(program.process, namespace);
    if (found === undefined) return;
    const { contents, reading } = living;
    const { size, path } = found;
    const leftOut = contents.leftOut(size);
    if (leftOut !== undefined) found.close();
    const { take, log } = this.#options;
    const { pid, uid, time } = program;
    const keeping = (async () => {
      const outcome = leftOut === undefined ? await contents.keep(found.content(), size) : { leftOut };
      const whose = session === undefined ? ("last" as const) : ("process" as const);
      const fact: FileFact = { kind: "file", how: "run", path, ...outcome, size, pid, uid, whose, time };
      take({ sandbox, session, facts: [fact] });
    })().catch((error: unknown) => {
      log.error({ err: error }, "a program in a sandbox's memory could not be kept");
    });
    reading.add(keeping);
    void keeping.then(() => reading.delete(keeping));
  }

  /** Whether all that was done with a sandbox's files by now is taken; true where nobody watches. */
  async settle(address: string): Promise<boolean> {
    const living = this.#living.get(address);
    if (living === undefined) return true;
    const isAll = await living.witness.settle();
    await Promise.all([this.#options.doers.settled(address), ...living.reading]);
    return isAll;
  }

  /** Before a sandbox is removed: while a file of it is held, its disk cannot go. */
  async ending(address: string): Promise<void> {
    const living = this.#living.get(address);
    this.#living.delete(address);
    await living?.witness.stop();
    await Promise.all([this.#options.doers.settled(address), ...(living?.reading ?? [])]);
  }

  async #take(address: string, record: WitnessRecord, contents: WitnessedContents): Promise<void> {
    const { log } = this.#options;
    switch (record.kind) {
      case "file":
        await this.#takeFile(address, record, contents);
        break;
      case "skipped":
        log.warn(
          { sandbox: address, files: record.files },
          "a sandbox runs or deletes more files than are told",
        );
        break;
      case "overflow":
        log.warn({ sandbox: address }, "not all files that a sandbox ran or deleted were seen");
        break;
      case "ready":
      case "marked":
        break;
      default:
        record satisfies never;
    }
  }

  async #takeFile(address: string, record: WitnessedFile, contents: WitnessedContents): Promise<void> {
    const { remap, doers } = this.#options;
    const { how, path, size, at, inside, pid: process, seen } = record;
    const uid = record.uid - remap.uid;
    const fact = {
      ...{ kind: "file" as const, path, size, time: at },
      ...(inside > 0 ? { pid: inside } : {}),
      ...(uid >= 0 ? { uid } : {}),
    };
    if (how !== "read") {
      const outcome = await contents.take(record);
      await doers.add(address, { fact: { ...fact, how, ...outcome }, process, seen });
      return;
    }
    const script = await contentOf(record);
    if (script === undefined) return;
    const keep = () => contents.keep(Readable.from([script]), script.length);
    const ifScript = { keep, bytes: script.length };
    await doers.add(address, { fact: { ...fact, how: "run" }, process, seen, ifScript });
  }
}

/** Of what may be a script; undefined where there is none to be had. */
async function contentOf({ content }: WitnessedFile): Promise<Buffer | undefined> {
  if (typeof content === "string") return undefined;
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of content) {
      size += piece.length;
      if (size <= LARGEST_SCRIPT) pieces.push(piece);
    }
  } catch (error) {
    if (error instanceof BrokenContent) return undefined;
    throw error;
  }
  return size <= LARGEST_SCRIPT ? Buffer.concat(pieces) : undefined;
}
