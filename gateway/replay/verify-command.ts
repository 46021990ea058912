import type { Writable } from "node:stream";
import { escapeText } from "../model/bytes.ts";
import { verify, type Verification } from "../recording/verify.ts";
import { locate, type FindRecording } from "./locate.ts";
import { jsonText } from "../model/json.ts";

export interface VerifyOptions {
  /** Each a session's id or the unique beginning of one, or the path of a recording. */
  readonly sessions: readonly string[];
  /** One JSON object a line. */
  readonly json?: boolean;
}

/**
 * Says of each recording whether it is what was written. Resolves to the exit code: 0 when each is complete or at worst cut off,
 * 1 when one is damaged. Rejects with `not-found`, and when a file cannot be read.
 */
export async function verifyCommand(
  { sessions, json }: VerifyOptions,
  { stdout }: { readonly stdout: Writable },
  find: FindRecording,
): Promise<number> {
  let code = 0;
  for (const asked of sessions) {
    const path = await locate(asked, find);
    const result = await verify(path);
    if (result.firstBad !== undefined) code = 1;
    const { session } = result;
    stdout.write(
      json === true
        ? `${jsonText({ path, ...result })}\n`
        : `${session === undefined ? escapeText(path) : escapeText(session)}: ${sentence(result)}\n`,
    );
  }
  return code;
}

function sentence({ entries, bytes, cutAt, firstBad, head }: Verification): string {
  const size = `${entries} entries, ${bytes} bytes`;
  if (firstBad !== undefined)
    return `damaged at byte ${firstBad.offset} (${firstBad.reason}); the ${entries} entries before it are good.`;
  if (cutAt !== undefined)
    return `cut off after ${size}: its writer was killed or still writes; what is there is good up to byte ${cutAt}.`;
  return `complete, ${size}, last hash ${head ?? ""}.`;
}
