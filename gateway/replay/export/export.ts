import { MitsubakoError } from "../../model/errors.ts";
import { escapeText } from "../../model/bytes.ts";
import { locate, type FindRecording } from "../locate.ts";
import { stopping } from "../stopping.ts";
import { surveyChannels } from "../survey.ts";
import { asciicast } from "./asciicast.ts";
import { chooseChannel } from "./choose-channel.ts";
import { newFolder, removeFolder, writeFile, writeFiles, writeOut } from "./destination.ts";
import {
  FORMATS,
  type ExportOptions,
  type ExportStreams,
  type Format,
  type Pieces,
} from "./export-options.ts";
import { files } from "./files.ts";
import { html } from "./html.ts";
import { jsonl } from "./jsonl.ts";
import { pcap } from "./pcap.ts";
import { Source } from "./source.ts";
import { storyOf, type Story } from "./story.ts";
import { text } from "./text.ts";
import { ttylog } from "./ttylog.ts";
import { typescript } from "./typescript.ts";

/** A call that was checked. */
interface Order {
  readonly format: Format;
  /** Undefined: standard output. */
  readonly output: string | undefined;
  readonly channel: number | undefined;
  readonly input: boolean;
  readonly withoutCredentials: boolean;
}

/**
 * Writes a session in a form that other programs read. Resolves to the exit code: 0, or 1 when the recording is damaged (what stands
 * before the damage was written), or 128 and the signal's number when a signal stopped it.
 * Rejects with `bad-usage`, `not-found`, `recording-damaged` (nothing at all could be read) and `disk-full`.
 */
export async function exportCommand(
  options: ExportOptions,
  streams: ExportStreams,
  find: FindRecording,
): Promise<number> {
  const order = checked(options, streams);
  const path = await locate(options.session, find);
  using stop = stopping(streams.stdout);
  const source = await Source.open(path, stop.signal);
  await write(order, source, streams);
  if (stop.stopped()) return stop.code;
  if (source.cut)
    streams.stderr.write("The recording is cut off: the session did not end in order, or still lives.\n");
  if (source.damage === undefined) return 0;
  streams.stderr.write(`${source.damage.message} What stands before that was exported.\n`);
  return 1;
}

async function write(order: Order, source: Source, { stdout, stderr }: ExportStreams): Promise<void> {
  const { format, output } = order;
  if (format === "typescript") {
    const story = await storyToTell(order, source, false);
    const folder = needed(output);
    await newFolder(folder);
    await writeFiles(typescript(story), folder);
    return;
  }
  if (format === "files") {
    const folder = needed(output);
    await newFolder(folder);
    await files(source, folder, order.channel).then(
      ({ count, leftOut }) => {
        stderr.write(
          `${count} ${count === 1 ? "file" : "files"} in ${escapeText(folder)}, which may be malware; files.json tells of each.\n`,
        );
        if (leftOut > 0) stderr.write(`${leftOut} more were left out: there are too many.\n`);
      },
      async (error: unknown) => {
        // Nothing was found: then nothing is left, either.
        if (error instanceof MitsubakoError && error.code === "not-found") await removeFolder(folder);
        throw error;
      },
    );
    return;
  }
  const pieces = await piecesOf(format, order, source);
  if (output === undefined) await writeOut(pieces, stdout, source.signal);
  else await writeFile(pieces, output, source.signal);
}

async function piecesOf(
  format: Exclude<Format, "typescript" | "files">,
  order: Order,
  source: Source,
): Promise<Pieces> {
  const { input, channel } = order;
  switch (format) {
    case "asciicast":
      return asciicast(await storyToTell(order, source, true), { version: 3, input });
    case "asciicast-v2":
      return asciicast(await storyToTell(order, source, true), { version: 2, input });
    case "ttylog":
      return ttylog(await storyToTell(order, source, false));
    case "text":
      return text(await storyToTell(order, source, false));
    case "html":
      return html(await storyToTell(order, source, true), { input });
    case "pcap":
      return pcap(source, channel);
    case "jsonl":
      return jsonl(source, {
        withoutCredentials: order.withoutCredentials,
        ...(channel === undefined ? {} : { channel }),
      });
    default:
      format satisfies never;
      throw new MitsubakoError("internal", "There is no such format.");
  }
}

/** The one channel that was asked for, or that there is to tell. */
async function storyToTell({ channel }: Order, source: Source, commands: boolean): Promise<Story> {
  const survey = await surveyChannels(source.path, source.signal);
  source.damage = survey.damage;
  source.cut = survey.cut;
  return storyOf(source, chooseChannel(survey.channels, channel), commands);
}

/** Into one file, but not for eyes. */
const NOT_FOR_TERMINALS: ReadonlySet<Format> = new Set(["ttylog", "pcap", "html"]);
/** Into a folder. */
const FOLDERS: ReadonlySet<Format> = new Set(["typescript", "files"]);

function checked(options: ExportOptions, { stdout }: ExportStreams): Order {
  const { channel, redact } = options;
  const asked = options.format ?? "asciicast";
  const format = FORMATS.find((name) => name === asked);
  if (format === undefined)
    throw new MitsubakoError("bad-usage", `There is no format ${escapeText(asked)}.`, {
      remedy: `--format takes one of ${FORMATS.join(", ")}.`,
    });
  if (channel !== undefined && !(Number.isInteger(channel) && channel > 0))
    throw new MitsubakoError("bad-usage", "--channel takes a channel's number, from 1 on.");
  if (redact !== undefined && redact !== "credentials")
    throw new MitsubakoError("bad-usage", "--redact takes credentials, and nothing else yet.");
  const output = options.output === "-" || options.output === "" ? undefined : options.output;
  if (output === undefined && FOLDERS.has(format))
    throw new MitsubakoError("bad-usage", `The format ${format} is a folder of files.`, {
      remedy: "Name one that is not there yet with -o.",
    });
  if (output === undefined && stdout.isTTY === true && NOT_FOR_TERMINALS.has(format))
    throw new MitsubakoError("bad-usage", `The format ${format} is not for a terminal.`, {
      remedy: "Name a file with -o, or send it into a pipe.",
    });
  return {
    format,
    output,
    channel,
    input: options.input === true,
    withoutCredentials: redact === "credentials",
  };
}

function needed(output: string | undefined): string {
  if (output === undefined) throw new MitsubakoError("internal", "A folder was not asked for.");
  return output;
}
