import { join } from "node:path";
import { isMissing } from "../../model/missing.ts";
import { openPlain } from "../../recording/open-plain.ts";
import type { ReadArtifact } from "./capture-indicators.ts";

/** Reads artifacts of a data folder. One that retention has removed is not there. */
export function artifactReader(dataFolder: string): ReadArtifact {
  return async (sha256, most) => {
    if (!/^[0-9a-f]{64}$/.test(sha256)) return undefined;
    try {
      await using file = await openPlain(join(dataFolder, "artifacts", sha256));
      const { size } = await file.stat();
      const bytes = Buffer.alloc(Math.min(size, most));
      let length = 0;
      while (length < bytes.length) {
        const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return bytes.subarray(0, length);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };
}
