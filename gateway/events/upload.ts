import { asText, type ByteString } from "../model/bytes.ts";
import type { Dropped, Transferred } from "../evidence/observation.ts";
import type { EventBody } from "./cowrie-event.ts";
import { CHANNEL, field, maybe, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";

export const UPLOAD_EVENTS: EventRows = {
  "session.file_upload": {
    when: "a file came in whole by SFTP or SCP, or shell commands were seen to write one of which all is known; see below",
    fields: {
      filename: field("text"),
      outfile: maybe("string", "not of `shell`"),
      shasum: field("sha256"),
      duplicate: maybe("boolean", "SCP, as are the next two"),
      url: maybe("text", "its last name"),
      destfile: maybe("text"),
      mitsubako_transfer: field("string", "`sftp`, `scp`, `shell`"),
      mitsubako_dropped: maybe(
        "string",
        "of `shell`: `echo`, `printf`, `here-document`, `standard input`, `copy`",
      ),
      mitsubako_decoded: maybe("string", "`base64` or `hex`"),
      mitsubako_pieces: maybe("integer", "of `shell`: messages that wrote to it, at most 256"),
      mitsubako_size: field("integer", "bytes"),
      ...CHANNEL,
    },
  },
};

/**
 * Files that came in whole. Those that did not have no hash to be known by, and those that left the sandbox are no word of Cowrie's.
 * The artifact of that hash is there once the sandbox was captured, if the file was still in it then.
 */
export function upload(file: Transferred, channel: number): EventBody[] {
  if (file.direction !== "upload" || file.sha256 === undefined) return [];
  const path = asText(file.path as ByteString);
  return [
    {
      eventid: "cowrie.session.file_upload",
      message: `File ${path} uploaded, ${file.size} bytes`,
      ...textField("filename", file.path),
      outfile: `data/artifacts/${file.sha256}`,
      shasum: file.sha256,
      ...(file.protocol === "scp"
        ? {
            duplicate: false,
            ...textField("url", baseName(file.path)),
            ...textField("destfile", file.path),
          }
        : {}),
      mitsubako_transfer: file.protocol,
      mitsubako_size: file.size,
      mitsubako_channel: channel,
    },
  ];
}

/** A file that shell commands were seen to write, by its content; whether it is kept is known at the capture. */
export function dropped(file: Dropped): EventBody[] {
  if (file.sha256 === undefined || file.certainty !== "written") return [];
  return [
    {
      eventid: "cowrie.session.file_upload",
      message: `File ${asText(file.path)} written by shell commands, ${file.size} bytes`,
      ...textField("filename", file.path),
      shasum: file.sha256,
      mitsubako_transfer: "shell",
      mitsubako_dropped: file.way,
      ...(file.decoded === undefined ? {} : { mitsubako_decoded: file.decoded }),
      mitsubako_pieces: file.pieces.length,
      mitsubako_size: file.size,
      mitsubako_channel: file.channel,
    },
  ];
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
