import type { Opener, Sealer } from "./direction.ts";

/** Before the first NEWKEYS: nothing is encrypted, packets come in blocks of 8. */
export const plainSealer: Sealer = {
  blockSize: 8,
  tagLength: 0,
  lengthApart: false,
  seal: () => undefined,
};

export const plainOpener: Opener = {
  blockSize: 8,
  tagLength: 0,
  lengthApart: false,
  headLength: 8,
  length: (bytes, start) => bytes.readUInt32BE(start),
  open: (bytes, start, length) => bytes.subarray(start + 4, start + 4 + length),
};
