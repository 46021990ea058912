import { createHash } from "node:crypto";
import { openSource } from "./source.ts";

const PART = 1024 * 1024;

/** Size and SHA-256 (hexadecimal) of the plain bytes of a recording, which sealing does not change. Throws as `openSource` and reading do. */
export async function hashOfPlain(path: string): Promise<{ readonly size: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  await using source = await openSource(path);
  const part = Buffer.allocUnsafe(PART);
  let size = 0;
  for (let read; (read = await source.read(part, size)) > 0; size += read)
    hash.update(part.subarray(0, read));
  return { size, sha256: hash.digest("hex") };
}
