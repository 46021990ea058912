import { MitsubakoError } from "../model/errors.ts";

/** A recording's bytes are not what was written. What stands before `offset` was read and is sound. */
export class RecordingDamaged extends MitsubakoError {
  readonly path: string;
  /** Of the first entry that cannot be trusted, in bytes from the start of the file. */
  readonly offset: number;
  readonly reason: string;

  constructor(path: string, offset: number, reason: string, cause?: unknown) {
    super("recording-damaged", `The recording ${path} is damaged at byte ${offset}: ${reason}.`, { cause });
    this.name = "RecordingDamaged";
    this.path = path;
    this.offset = offset;
    this.reason = reason;
  }
}
