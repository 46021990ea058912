/** One policy file: its bytes, within bounds, and what they say. */
import { open } from "node:fs/promises";
import { MitsubakoError } from "../model/errors.ts";
import { readDocument } from "./document.ts";
import type { Place, PolicyDocument } from "./document.ts";
import { showPath } from "./problem.ts";
import type { Problem } from "./problem.ts";
import { expectedText, nodeAt } from "./schema.ts";

/** A policy with long lists stays below this; the parser takes under a second for the worst that fits in. */
const LARGEST_FILE = 256 * 1024;

export interface PolicyFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Absent where the bytes are no text. `extends` is not in its value. */
  readonly document?: PolicyDocument;
  /** What `extends` names, and where that stands. */
  readonly base?: Place & { readonly name: string };
  readonly problems: readonly Problem[];
}

/** Never throws, whatever the bytes are. `path` only names the file in problems. */
export function parseFile(bytes: Uint8Array, path: string): PolicyFile {
  const text = decode(bytes, path);
  if (typeof text !== "string") return { path, bytes, problems: [text] };
  const document = readDocument(text, path);
  const problems = document.problems.map((problem) => ({ ...problem, path: showPath(problem.path) }));
  const { value } = document;
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "extends"))
    return { path, bytes, document, problems };
  const { extends: name, ...rest } = value as Record<string, unknown>;
  const read = { path, bytes, document: { ...document, value: rest } };
  const place = document.place(["extends"]);
  if (typeof name === "string" && name !== "" && !name.includes("\0"))
    return { ...read, base: { ...place, name }, problems };
  const expected = expectedText(nodeAt(["extends"]) ?? {});
  const message = `extends has to be ${expected}, such as default.yaml`;
  return { ...read, problems: [...problems, { ...place, path: "extends", expected, message }] };
}

/** @throws MitsubakoError "policy-unreadable" */
export async function readBounded(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, "r");
    const stat = await file.stat();
    if (!stat.isFile())
      throw new MitsubakoError("policy-unreadable", `${path} is not a file.`, {
        remedy: "Give the path of a policy file, such as policies/default.yaml.",
      });
    const buffer = Buffer.alloc(LARGEST_FILE + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (bytesRead === 0) return buffer.subarray(0, length);
    }
  } catch (error) {
    if (error instanceof MitsubakoError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MitsubakoError("policy-unreadable", `The policy ${path} cannot be read: ${reason}.`, {
      remedy:
        "Give the path of a policy file as seen from the folder that you are in, such as policies/default.yaml.",
      cause: error,
    });
  }
}

function decode(bytes: Uint8Array, file: string): string | Problem {
  if (bytes.length > LARGEST_FILE) {
    return {
      file,
      line: 1,
      column: 1,
      path: "",
      message: `the file is over ${LARGEST_FILE} bytes; long lists of addresses go in a file of their own (match.sourceFile)`,
    };
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const good = validUtf8Prefix(bytes);
    const line = good.split("\n").length;
    const column = good.length - good.lastIndexOf("\n");
    return { file, line, column, path: "", message: "the file is not UTF-8 from here on; save it as UTF-8" };
  }
}

function validUtf8Prefix(bytes: Uint8Array): string {
  // A stream decoder holds an unfinished sequence back and replaces a wrong one; what stands before the first replacement is good.
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  for (let at = text.indexOf("\ufffd"); at !== -1; at = text.indexOf("\ufffd", at + 1)) {
    const before = Buffer.byteLength(text.slice(0, at));
    const isWritten = bytes[before] === 0xef && bytes[before + 1] === 0xbf && bytes[before + 2] === 0xbd;
    if (!isWritten) return text.slice(0, at);
  }
  return text;
}
