import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Options } from "asciinema-player";
import { asText, escapeText } from "../../model/bytes.ts";
import { MitsubakoError } from "../../model/errors.ts";
import { asciicast, type AsciicastOptions } from "./asciicast.ts";
import type { Story } from "./story.ts";

/** A browser holds all of a page, and some times over. */
const MOST = 32 * 1024 * 1024;
const PLAYER = "asciinema-player/dist/bundle/asciinema-player";
const OPTIONS: Options = { fit: "width", preload: true, controls: true };

/** One channel as a page that plays it, with the player and all it needs in it. Rejects with `bad-usage` when that would be too large. */
export async function* html(
  story: Story,
  options: Omit<AsciicastOptions, "version">,
): AsyncGenerator<string> {
  const recording = await whole(asciicast(story, { version: 3, ...options }));
  const player = await readFile(fileURLToPath(import.meta.resolve(`${PLAYER}.min.js`)), "utf8");
  const style = await readFile(fileURLToPath(import.meta.resolve(`${PLAYER}.css`)), "utf8");
  for (const part of [player, style])
    if (/<\/(script|style)|<!--/i.test(part))
      throw new MitsubakoError(
        "internal",
        "The player cannot stand in a page: it holds the end of its own element.",
      );
  const start = `
const data = JSON.parse(document.getElementById("recording").textContent);
const player = AsciinemaPlayer.create({ data: data }, document.getElementById("player"), ${JSON.stringify(OPTIONS)});
`;
  const title = escapeMarkup(titleOf(story));
  yield `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy([player, start])}">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${style}
body { margin: 1rem; background: #121314; color: #ccc; font-family: sans-serif }
h1 { font-size: 1rem; font-weight: normal }
</style>
</head>
<body>
<h1>${title}</h1>
<div id="player"></div>
<script type="application/json" id="recording">`;
  yield inScript(recording);
  yield `</script>
<script>${player}</script>
<script>${start}</script>
</body>
</html>
`;
}

async function whole(pieces: AsyncIterable<string>): Promise<string> {
  const parts: string[] = [];
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > MOST)
      throw new MitsubakoError(
        "bad-usage",
        "This channel is too large for a page: as asciicast it has more than 32 MiB.",
        {
          remedy: "Export it with --format asciicast, and play that with asciinema.",
        },
      );
    parts.push(piece);
  }
  return parts.join("");
}

/**
 * Nothing runs but the two scripts that were written into it, and nothing is fetched from anywhere: if what a stranger printed ever got
 * out of its text, it would still do nothing.
 */
function policy(scripts: readonly string[]): string {
  const hashes = scripts.map((script) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`);
  return `default-src 'none'; script-src ${hashes.join(" ")} 'wasm-unsafe-eval'; style-src 'unsafe-inline'`;
}

/** A JSON string in which no element can end and no comment begin. */
function inScript(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function titleOf({ survey, session }: Story): string {
  const { started, channel } = survey;
  const what =
    started === undefined || started.how === "shell" ? "" : `: ${escapeText(asText(started.what))}`;
  return `Session ${session}, channel ${channel}${what}`;
}

const NAMED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => NAMED[character] ?? "");
}
