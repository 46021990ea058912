import type { Logger } from "pino";
import { MitsubakoError } from "../model/errors.ts";
import type { FileFact } from "../model/file-facts.ts";
import type { Policy } from "../model/policy.ts";
import type { Artifacts } from "../sandbox/artifacts.ts";
import type { StartedSandbox } from "../sandbox/lifecycle.ts";
import { WitnessedContents } from "./file-witness-contents.ts";
import { placesOf } from "./file-witness-places.ts";
import { tryFileWitness } from "./file-witness-program.ts";
import type { WitnessRecord } from "./file-witness-records.ts";
import { FileWitness } from "./file-witness.ts";

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
  /** `sandbox` is its address. */
  readonly take: (sandbox: string, fact: FileFact) => void;
  readonly log: Logger;
}

/** Contents that are the same many times are passed on each time, and kept once. */
const OVER_AGAIN = 4;

/** The witness of each sandbox's files, where this machine can have one. */
export class FileWitnesses {
  readonly #options: FileWitnessesOptions;
  /** Undefined: nothing is watched. */
  readonly #program: string | undefined;
  readonly #living = new Map<string, FileWitness>();
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
      this.#living.set(address, witness);
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

  /** Before a sandbox is removed: while a file of it is held, its disk cannot go. */
  async ending(address: string): Promise<void> {
    const witness = this.#living.get(address);
    this.#living.delete(address);
    await witness?.stop();
  }

  async #take(address: string, record: WitnessRecord, contents: WitnessedContents): Promise<void> {
    const { log, remap, take } = this.#options;
    switch (record.kind) {
      case "file": {
        const outcome = await contents.take(record);
        const { how, path, size, at, inside } = record;
        const uid = record.uid - remap.uid;
        take(address, {
          ...{ kind: "file", how, path, ...outcome, size, time: at },
          ...(inside > 0 ? { pid: inside } : {}),
          ...(uid >= 0 ? { uid } : {}),
        });
        break;
      }
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
        break;
      default:
        record satisfies never;
    }
  }
}
