import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { MitsubakoError } from "../model/errors.ts";
import { resolveArtifact } from "./files-named.ts";
import { TERMINAL } from "./human.ts";

export interface FilesGetOptions {
  readonly data: string;
  /** `-` is standard output. By default the file is named by its hash, here. */
  readonly output?: string;
}

/** `mitsubako files get SHA256|ID`: copies an artifact out. It may be malware: it is written for its owner alone, and never made executable. */
export async function filesGetCommand(
  what: string,
  options: FilesGetOptions,
  output = TERMINAL,
): Promise<number> {
  const sha256 = await resolveArtifact(options.data, what);
  const from = join(options.data, "artifacts", sha256);
  await access(from).catch((cause: unknown) => {
    throw new MitsubakoError(
      "not-found",
      `The artifact ${sha256} is not in ${join(options.data, "artifacts")}.`,
      { cause },
    );
  });
  const to = options.output ?? sha256;
  const hash = createHash("sha256");
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  if (to === "-") await pipeline(createReadStream(from), through, process.stdout, { end: false });
  else await writeNew(from, through, to);
  if (hash.digest("hex") !== sha256)
    throw new MitsubakoError(
      "recording-damaged",
      `The artifact ${sha256} does not have the content that its name says.`,
    );
  if (to !== "-") output.stderr.write(`${to} written. It comes from an attacker: do not run it.\n`);
  return 0;
}

async function writeNew(from: string, through: Transform, to: string): Promise<void> {
  try {
    await pipeline(createReadStream(from), through, createWriteStream(to, { flags: "wx", mode: 0o600 }));
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EEXIST")
      throw new MitsubakoError("bad-usage", `${to} exists already.`, {
        remedy: "Choose another name with -o.",
        cause,
      });
    await rm(to, { force: true });
    if (code === "ENOSPC") throw new MitsubakoError("disk-full", `There is no room for ${to}.`, { cause });
    throw new MitsubakoError(
      "bad-usage",
      `${to} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    );
  }
}
