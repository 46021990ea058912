import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, readdirSync } from "node:fs";
import { access, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { captureId, parseCaptureId, readCapture, readCaptures } from "../index/captures.ts";
import { recordings } from "../index/find-recording.ts";
import { IndexReader, type FileFilter } from "../index/query.ts";
import type { FileRow } from "../index/rows.ts";
import { escapeText, showable, type ByteString } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { parseMicros, showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import { absoluteTime, bytes, parseTime, table, TERMINAL, type Output } from "./human.ts";
import { jsonText } from "../model/json.ts";

export interface FilesOptions {
  readonly data: string;
  readonly json?: boolean;
  readonly session?: string;
  readonly source?: string;
  readonly sandbox?: string;
  readonly since?: string;
}

/** `mitsubako files`: what changed in sandboxes. Exit code 0 also when nothing did. */
export async function filesCommand(options: FilesOptions, output = TERMINAL): Promise<number> {
  const filter: FileFilter = {
    session: options.session,
    source: options.source,
    sandbox: options.sandbox,
    since:
      options.since === undefined ? undefined : parseTime(options.since, output.now(), "--since", "first"),
  };
  const rows = await listFiles(options.data, filter, output);
  if (options.json === true) {
    for (const row of rows)
      output.stdout.write(`${jsonText(asJson({ ...row, takenAt: showMicros(row.takenAt) }))}\n`);
    return 0;
  }
  const files = rows.filter(({ type }) => type !== "directory");
  if (files.length === 0) output.stderr.write("No files.\n");
  else output.stdout.write(asTable(files));
  return 0;
}

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

/** The hash that a hash, the beginning of one (six characters at least), or the id of a file names. */
async function resolveArtifact(dataFolder: string, what: string): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(what)) return what;
  const [, capture, place] = /^([0-9a-f]{12}(?:-[1-9]\d?)?)\.(\d+)$/.exec(what) ?? [];
  if (capture !== undefined) {
    const { session, ordinal } = parseCaptureId(capture);
    for (const { path, session: found } of recordings(dataFolder)) {
      if (found !== session) continue;
      const change = (await readCapture(dataFolder, dirname(path), ordinal))?.changes[Number(place)];
      if (change?.sha256 !== undefined) return change.sha256;
      if (change !== undefined)
        throw new MitsubakoError(
          "not-found",
          `The content of file ${what} was not kept${change.leftOut === undefined ? "" : ` (${change.leftOut})`}.`,
        );
    }
  } else if (/^[0-9a-f]{6,63}$/.test(what)) {
    const found = artifactNames(dataFolder).filter((name) => name.startsWith(what));
    if (found.length > 1)
      throw new MitsubakoError("not-found", `${found.length} artifacts begin with ${what}.`, {
        remedy: "Write more of the hash.",
      });
    if (found[0] !== undefined) return found[0];
  }
  throw new MitsubakoError("not-found", `There is no file ${escapeText(what)}.`, {
    remedy: "`mitsubako files` lists those that are, by id and SHA-256.",
  });
}

function artifactNames(dataFolder: string): string[] {
  try {
    return readdirSync(join(dataFolder, "artifacts")).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (cause) {
    throw new MitsubakoError("not-found", `${join(dataFolder, "artifacts")} cannot be read.`, { cause });
  }
}

async function listFiles(dataFolder: string, filter: FileFilter, output: Output): Promise<FileRow[]> {
  using index = IndexReader.open(dataFolder);
  if (index !== undefined) return index.files(filter);
  output.stderr.write("There is no index; reading the captures (the gateway makes one when it starts).\n");
  const rows: FileRow[] = [];
  for (const { session, path, live } of recordings(dataFolder)) {
    if (live) continue;
    for await (const { ordinal, capture } of readCaptures(dataFolder, dirname(path))) {
      const { sandbox, source } = capture;
      const takenAt = parseMicros(capture.takenAt) || 0;
      const sessions = [session, ...capture.sessions] as readonly string[];
      if (filter.since !== undefined && takenAt < filter.since) continue;
      if (filter.sandbox !== undefined && sandbox !== filter.sandbox) continue;
      if (filter.source !== undefined && source !== filter.source) continue;
      if (filter.session !== undefined && !sessions.includes(filter.session)) continue;
      const id = captureId(session, ordinal);
      capture.changes.forEach((change, place) =>
        rows.push({ ...change, id: `${id}.${place}`, session, sandbox, source, takenAt }),
      );
    }
  }
  return rows;
}

function asTable(rows: readonly FileRow[]): string {
  return table(
    ["ID", "SEEN (UTC)", "SOURCE", "SANDBOX", "", "SIZE", "SHA-256", "PATH"],
    rows.map((row) => [
      row.id,
      absoluteTime(row.takenAt),
      escapeText(row.source),
      row.sandbox,
      row.kind,
      row.size === undefined ? "" : bytes(row.size),
      row.sha256 === undefined ? (row.leftOut ?? "") : row.sha256.slice(0, 12),
      showable(row.path as ByteString),
    ]),
  );
}
