/** The fixed parts of a sealed recording: what tells it apart, and what vouches for all of it. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** As MAGIC in format.ts, and for the same reasons. */
export const SEALED_MAGIC = Buffer.from("\x89MBS\r\n\x1a\n", "latin1");
const FOOTER_MAGIC = Buffer.from("MBS.seal", "latin1");
export const SEALED_HEADER_SIZE = 32;
export const FOOTER_SIZE = 64;
/** Most bytes of an index, compressed and plain: some 150 GB of recording. A file that claims more is not read. */
export const MAX_INDEX = 64 * 1024 * 1024;

export interface Footer {
  readonly indexAt: number;
  readonly indexSize: number;
  /** SHA-256 of the header and of the index as it stands in the file, hexadecimal: it vouches for every byte. */
  readonly seal: string;
}

/** What the first bytes of a file say of what it is. */
export function isSealed(start: Uint8Array): boolean {
  return SEALED_MAGIC.equals(start.subarray(0, SEALED_MAGIC.length));
}

export function sealOf(header: Buffer, index: Buffer): string {
  return createHash("sha256").update(header).update(index).digest("hex");
}

export function encodeFooter({ indexAt, indexSize, seal }: Footer): Buffer {
  const footer = Buffer.alloc(FOOTER_SIZE);
  FOOTER_MAGIC.copy(footer, 0);
  footer.writeBigUInt64LE(BigInt(indexAt), 8);
  footer.writeUInt32LE(indexSize, 16);
  footer.write(seal, 20, 32, "hex");
  footer.writeUInt32LE(crc32(footer.subarray(0, 60)), 60);
  return footer;
}

/** Undefined: these are not the last bytes of a sealed recording of this size. */
export function decodeFooter(footer: Buffer, fileSize: number): Footer | undefined {
  if (footer.length !== FOOTER_SIZE || !footer.subarray(0, 8).equals(FOOTER_MAGIC)) return undefined;
  if (crc32(footer.subarray(0, 60)) !== footer.readUInt32LE(60)) return undefined;
  const indexAt = Number(footer.readBigUInt64LE(8));
  const indexSize = footer.readUInt32LE(16);
  if (indexAt < SEALED_HEADER_SIZE || indexSize > MAX_INDEX) return undefined;
  if (indexAt + indexSize + FOOTER_SIZE !== fileSize) return undefined;
  return { indexAt, indexSize, seal: footer.toString("hex", 20, 52) };
}
