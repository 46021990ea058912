import { existsSync } from "node:fs";
import { join } from "node:path";
import { sightingsOf, typeOf, type ArtifactType, type Sighting } from "../index/artifacts.ts";
import { IndexReader } from "../index/query.ts";
import { escapeText, showable, type ByteString } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { jsonText } from "../model/json.ts";
import { showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import { resolveArtifact } from "./files-named.ts";
import { readAll, showContent } from "./files.ts";
import { absoluteTime, bytes, count, table, TERMINAL } from "./human.ts";

export interface FilesShowOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** `mitsubako files show SHA256|ID`: everything that is known of one content. Throws `not-found`. */
export async function filesShowCommand(
  what: string,
  options: FilesShowOptions,
  output = TERMINAL,
): Promise<number> {
  const sha256 = await resolveArtifact(options.data, what);
  using index = IndexReader.open(options.data) ?? (await readAll(options.data, output));
  const sightings = sightingsOf(index.ask, sha256);
  const content = typeOf(index.ask, sha256);
  const isKept = existsSync(join(options.data, "artifacts", sha256));
  if (sightings.length === 0 && !isKept)
    throw new MitsubakoError("not-found", `Nobody had a file with the SHA-256 ${sha256}.`, {
      remedy: "`mitsubako files` lists those that somebody had.",
    });
  const known = { sha256, content, isKept, sightings };
  output.stdout.write(options.json === true ? `${jsonText(asJson(jsonOf(known)))}\n` : asPage(known));
  return 0;
}

interface Known {
  readonly sha256: string;
  readonly content: ArtifactType | undefined;
  /** It still lies in the artifacts. */
  readonly isKept: boolean;
  /** First to last. */
  readonly sightings: readonly Sighting[];
}

function jsonOf({ sha256, content, isKept, sightings }: Known) {
  const [first, last] = [sightings.at(0), sightings.at(-1)];
  return {
    sha256,
    isKept,
    ...(content === undefined ? {} : { content: showContent(content), size: content.size }),
    ...(first === undefined ? {} : { firstSeen: showMicros(first.at) }),
    ...(last === undefined ? {} : { lastSeen: showMicros(last.at) }),
    sightings: sightings.map((one) => ({ ...one, at: showMicros(one.at) })),
  };
}

function asPage({ sha256, content, isKept, sightings }: Known): string {
  const [first, last] = [sightings.at(0), sightings.at(-1)];
  const different = (of: (one: Sighting) => string | undefined) =>
    new Set(sightings.flatMap((one) => of(one) ?? [])).size;
  const urls = new Set(sightings.flatMap(({ url }) => url ?? []));
  const lines = [
    sha256,
    content === undefined ? "type not known" : `${showContent(content)}, ${bytes(content.size)}`,
    isKept ? `kept: mitsubako files get ${sha256.slice(0, 12)}` : "not kept any more",
  ];
  if (first !== undefined && last !== undefined)
    lines.push(
      `first seen ${absoluteTime(first.at)} UTC, last ${absoluteTime(last.at)} UTC, in ${count(
        different(({ session }) => session),
        "session",
      )} from ${count(
        different(({ source }) => source),
        "source",
      )}`,
    );
  for (const url of urls) lines.push(`fetched from ${showable(url as ByteString)}, as a command says`);
  const head = ["SEEN (UTC)", "HOW", "SESSION", "SOURCE", "PATH"];
  const rows = sightings.map(({ at, how, session, source, path }) => [
    ...[absoluteTime(at), how, session, escapeText(source), showable(path as ByteString)],
  ]);
  return `${lines.join("\n")}\n${rows.length === 0 ? "" : `\n${table(head, rows)}`}`;
}
