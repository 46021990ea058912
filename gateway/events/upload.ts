import { asText, type ByteString } from "../model/bytes.ts";
import type { Transferred } from "../evidence/observation.ts";
import type { EventBody } from "./cowrie-event.ts";
import { CHANNEL, field, maybe, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";

export const UPLOAD_EVENTS: EventRows = {
  "session.file_upload": {
    when: "a file came in whole by SFTP or SCP",
    fields: {
      filename: field("text"),
      outfile: field("string"),
      shasum: field("sha256"),
      duplicate: maybe("boolean", "SCP, as are the next two"),
      url: maybe("text", "its last name"),
      destfile: maybe("text"),
      mitsubako_transfer: field("string", "`sftp`, `scp`"),
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

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
