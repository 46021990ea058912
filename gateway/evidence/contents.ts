import type { Certainty } from "./fates.ts";
import type { Transferred } from "./observation.ts";

/** Where the contents of one transferred file go. */
export interface Contents {
  /** Bytes for this place in the file: a view, to be consumed or copied before this returns. */
  write(offset: number, bytes: Buffer): void;
  /**
   * No more will come. `complete`: it was ended in order, and a download was read to its end. `certainty`: of what shell commands were to
   * write, whether they did.
   */
  end(how: {
    readonly direction: Transferred["direction"];
    readonly complete: boolean;
    readonly certainty?: Certainty;
  }): void;
}

/** Called for each file that is transferred, no later than with its first byte. */
export type OpenContents = (file: {
  readonly protocol: Transferred["protocol"];
  /** As named by the attacker; one character per byte. */
  readonly path: string;
}) => Contents;
