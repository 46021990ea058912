import { fstatSync, ftruncateSync, readSync } from "node:fs";

/** What a killed writer left of a line is no event; it will be written again. Returns the file's size after it. */
export function cutTornLine(fd: number): number {
  const { size } = fstatSync(fd);
  const chunk = Buffer.alloc(65_536);
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - chunk.length);
    const read = readSync(fd, chunk, 0, end - start, start);
    const newline = chunk.subarray(0, read).lastIndexOf(0x0a);
    if (newline !== -1) {
      end = start + newline + 1;
      break;
    }
    end = start;
  }
  if (end !== size) ftruncateSync(fd, end);
  return end;
}
