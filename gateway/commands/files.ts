import { CONTENT_TYPES, type ContentType } from "../evidence/content-type.ts";
import { typeOf, witnessedFiles, type ArtifactType, type WitnessedRow } from "../index/artifacts.ts";
import { recordings } from "../index/find-recording.ts";
import { readIntoMemory } from "../index/in-memory.ts";
import { IndexReader, type FileFilter } from "../index/query.ts";
import type { FileRow } from "../index/rows.ts";
import { escapeText, showable, type ByteString } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { jsonText } from "../model/json.ts";
import { showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import { absoluteTime, bytes, parseTime, table, TERMINAL, type Output } from "./human.ts";

export interface FilesOptions {
  readonly data: string;
  readonly json?: boolean;
  readonly session?: string;
  readonly source?: string;
  readonly sandbox?: string;
  readonly since?: string;
  readonly type?: string;
  readonly grown?: boolean;
}

/** What a capture found changed, or the witness saw run or deleted. */
interface Found {
  /** Microseconds since 1970. */
  readonly at: number;
  readonly row: FileRow | WitnessedRow;
  /** What its content is, where that was kept. */
  readonly content: ArtifactType | undefined;
}

/** `mitsubako files`: what changed in sandboxes, and what was run or deleted there. Exit code 0 also when nothing was. */
export async function filesCommand(options: FilesOptions, output = TERMINAL): Promise<number> {
  const since =
    options.since === undefined ? undefined : parseTime(options.since, output.now(), "--since", "first");
  const { session, source, sandbox, grown } = options;
  const type = options.type === undefined ? undefined : parseType(options.type);
  using index = IndexReader.open(options.data) ?? (await readAll(options.data, output));
  const found = findFiles(index, { session, source, sandbox, since, grown }).filter(
    ({ content }) => type === undefined || content?.type === type,
  );
  if (options.json === true) {
    for (const one of found) output.stdout.write(`${jsonText(jsonOf(one))}\n`);
    return 0;
  }
  const files = found.filter(({ row }) => !("type" in row && row.type === "directory"));
  if (files.length === 0) output.stderr.write("No files.\n");
  else output.stdout.write(asTable(files));
  return 0;
}

/** In the order in which they were seen. */
function findFiles(index: IndexReader, filter: FileFilter): Found[] {
  const rows = [
    ...index.files(filter).map((row) => ({ at: row.takenAt, row })),
    ...witnessedFiles(index.ask, filter).map((row) => ({ at: row.at, row })),
  ];
  const contents = new Map<string, ArtifactType | undefined>();
  const contentOf = (sha256: string | undefined) => {
    if (sha256 === undefined) return undefined;
    if (!contents.has(sha256)) contents.set(sha256, typeOf(index.ask, sha256));
    return contents.get(sha256);
  };
  return rows
    .sort((one, other) => one.at - other.at)
    .map(({ at, row }) => ({ at, row, content: contentOf(row.sha256) }));
}

function parseType(text: string): ContentType["type"] {
  const type = CONTENT_TYPES.find((known) => known === text);
  if (type !== undefined) return type;
  throw new MitsubakoError("bad-usage", `--type ${escapeText(text)} is no type of files.`, {
    remedy: `Write one of ${CONTENT_TYPES.join(", ")}.`,
  });
}

function jsonOf({ at, row, content }: Found): unknown {
  const known = content === undefined ? {} : { content: showContent(content) };
  return asJson(
    "takenAt" in row
      ? { ...row, takenAt: showMicros(at), ...known }
      : { ...row, at: showMicros(at), ...known },
  );
}

/** `elf (x86-64, 64 bit)` */
export function showContent({ type, detail }: Pick<ArtifactType, "type" | "detail">): string {
  return detail === undefined ? type : `${type} (${detail})`;
}

function asTable(files: readonly Found[]): string {
  return table(
    ["ID", "SEEN (UTC)", "SOURCE", "SANDBOX", "", "SIZE", "TYPE", "SHA-256", "PATH"],
    files.map(({ at, row, content }) => [
      row.id,
      absoluteTime(at),
      escapeText(row.source),
      row.sandbox,
      "how" in row ? row.how : row.kind,
      row.size === undefined ? "" : bytes(row.size),
      content === undefined ? "" : showContent(content),
      row.sha256 === undefined ? (row.leftOut ?? "") : row.sha256.slice(0, 12),
      showable(row.path as ByteString),
    ]),
  );
}

/** As `IndexReader.open`, where there is none. */
export function readAll(dataFolder: string, output: Output): Promise<IndexReader> {
  output.stderr.write("There is no index; reading the recordings (the gateway makes one when it starts).\n");
  return readIntoMemory(dataFolder, recordings(dataFolder), (message) => {
    output.stderr.write(`${message}\n`);
  });
}
