import { createHash } from "node:crypto";

/**
 * The chain of checkpoints. A checkpoint's payload is the SHA-256 of everything from the start of the checkpoint entry
 * before it (of the file, for the first) to its own start; as that contains the previous hash, each vouches for
 * all bytes before it, and every byte is hashed once.
 */
export class Chain {
  #hash = createHash("sha256");

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The hash of what came since the last call. The next bytes given must be those of the checkpoint entry that holds it. */
  checkpoint(): Buffer {
    const digest = this.#hash.digest();
    this.#hash = createHash("sha256");
    return digest;
  }
}
