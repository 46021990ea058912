/** The 32 bytes with which both forms of a recording begin: docs/recording-format.md. */
import { crc32 } from "node:zlib";
import type { SessionId } from "../model/ids.ts";

export const FILE_HEADER_SIZE = 32;

export function encodeHeader(magic: Buffer, version: number, session: SessionId): Buffer {
  const header = Buffer.alloc(FILE_HEADER_SIZE);
  magic.copy(header, 0);
  header.writeUInt16LE(version, 8);
  header.writeUInt16LE(FILE_HEADER_SIZE, 10);
  header.write(session, 12, 12, "latin1");
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28);
  return header;
}
