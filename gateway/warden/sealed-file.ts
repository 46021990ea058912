/** What the warden looks at of recordings: their fixed parts, and their bytes as bytes. What stands in them is for others to read. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { decodeFooter, FOOTER_SIZE, isSealed, sealOf, SEALED_HEADER_SIZE } from "../recording/seal-footer.ts";
import type { SessionId } from "../model/ids.ts";

export const READ = constants.O_RDONLY | constants.O_NOFOLLOW;
/** Hashed at a time, so that this process stays quick to answer. */
const PART = 1024 * 1024;

/** Of a finished recording; throws when it is sealed. */
export async function hashOfUnsealed(path: string): Promise<{ bytes: number; sha256: string }> {
  await using file = await open(path, READ);
  const hash = createHash("sha256");
  const part = Buffer.allocUnsafe(PART);
  let bytes = 0;
  for (let read; (read = await readAt(file, part, bytes)) > 0; bytes += read) {
    if (bytes === 0 && isSealed(part.subarray(0, read))) throw new Error("it is sealed already");
    hash.update(part.subarray(0, read));
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Read from the header and the index; throws when the file has not the parts of a sealed recording of that session. */
export async function sealIn(path: string, session: SessionId): Promise<string> {
  await using file = await open(path, READ);
  const { size } = await file.stat();
  const last = Buffer.alloc(FOOTER_SIZE);
  await readAt(file, last, Math.max(0, size - FOOTER_SIZE));
  const footer = decodeFooter(last, size);
  if (footer === undefined) throw new Error("it does not end as a sealed recording");
  const header = Buffer.alloc(SEALED_HEADER_SIZE);
  const index = Buffer.alloc(footer.indexSize);
  await readAt(file, header, 0);
  await readAt(file, index, footer.indexAt);
  if (!isSealed(header) || sealOf(header, index) !== footer.seal)
    throw new Error("its seal is not that of its index");
  if (header.toString("latin1", 12, 24) !== session) throw new Error("it is of another session");
  return footer.seal;
}

async function readAt(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  return (await file.read(buffer, 0, buffer.length, position)).bytesRead;
}
