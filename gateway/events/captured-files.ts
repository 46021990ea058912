import { asText, type ByteString } from "../model/bytes.ts";
import type { Capture, Change } from "../model/capture.ts";
import { parseMicros, showMicros } from "../model/timestamps.ts";
import type { Observation } from "../evidence/observation.ts";
import { fetchedFiles } from "../evidence/urls.ts";
import type { CowrieEvent, EventBody } from "./cowrie-event.ts";
import type { EventEnvelope } from "./event-mapper.ts";
import { field, maybe, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";
import { isBookkeeping } from "./witnessed-files.ts";

export const CAPTURED_FILE_EVENTS: EventRows = {
  "session.file_download": {
    when: "a file that was run or deleted, as it was seen; one that was found added or changed when the sandbox was captured",
    fields: {
      url: maybe("text"),
      outfile: field("string"),
      shasum: field("sha256"),
      duplicate: field(
        "boolean",
        "seen in an earlier capture; of one run or deleted: at another path of the session",
      ),
      destfile: field("text"),
      mitsubako_how: maybe("string", "`run`, `deleted`, `run-and-deleted`; not of a captured one"),
      mitsubako_change: maybe("string", "`A` or `C`, of a captured one"),
      mitsubako_sandbox: maybe("string", "of late ones"),
      mitsubako_size: maybe("integer", "bytes"),
      mitsubako_pid: maybe("integer", "of who wrote or ran it last, as the sandbox numbers it"),
      mitsubako_uid: maybe("integer", "likewise"),
      mitsubako_whose: maybe("string", "`process`, `alone`, `last`: how it is known whose doing it was"),
    },
  },
};

/** What earlier captures and sessions have told. */
export interface KnownFiles {
  /** The artifact is known, from wherever. */
  readonly seenBefore: (sha256: string) => boolean;
  /** This file of this sandbox is known. */
  readonly toldBefore: (path: string, sha256: string) => boolean;
}

/**
 * One `session.file_download` for each file that was found in the sandbox when it was captured, in the capture's order. They come
 * after the session's other events and carry `late: true`.
 *
 * Left out: files that were told already (by an earlier capture of the sandbox, as uploads, as written by shell commands, or when they were
 * run), and what a server writes by itself (logs, histories, accounts). When several sessions were in the sandbox at once, the events belong to the one with which it was captured.
 *
 * @param observations the session's, for the URLs of its downloads.
 */
export function capturedFileEvents(
  envelope: EventEnvelope,
  capture: Capture,
  observations: readonly Observation[],
  known: KnownFiles,
): CowrieEvent[] {
  const uploaded = new Set(
    observations.flatMap((one) =>
      one.kind === "transfer" && one.direction === "upload" && one.sha256 !== undefined ? [one.sha256] : [],
    ),
  );
  const urls = fetchedFiles(observations);
  const told = new Set<string>();
  const bodies: EventBody[] = [];
  for (const change of capture.changes) {
    const { sha256 } = change;
    if (sha256 === undefined || change.type !== "file" || isBookkeeping(change.path)) continue;
    if (uploaded.has(sha256) || known.toldBefore(change.path, sha256)) continue;
    if (envelope.files.hasTold(change.path, sha256) || envelope.files.hasTyped(change.path, sha256)) continue;
    bodies.push(fileDownload(change, sha256, capture, urls, told.has(sha256) || known.seenBefore(sha256)));
    told.add(sha256);
    envelope.files.tell(change.path, sha256);
  }
  return envelope.wrapAt(showMicros(parseMicros(capture.takenAt)), bodies);
}

function fileDownload(
  change: Change,
  sha256: string,
  capture: Capture,
  urls: ReadonlyMap<string, string>,
  duplicate: boolean,
): EventBody {
  const name = change.path.slice(change.path.lastIndexOf("/") + 1);
  const url = urls.get(name);
  return {
    eventid: "cowrie.session.file_download",
    message: `File ${asText(change.path as ByteString)} found in the sandbox`,
    ...(url === undefined ? {} : textField("url", url)),
    outfile: `data/artifacts/${sha256}`,
    shasum: sha256,
    duplicate,
    ...textField("destfile", change.path),
    late: true,
    mitsubako_change: change.kind,
    mitsubako_sandbox: capture.sandbox,
    ...(change.size === undefined ? {} : { mitsubako_size: change.size }),
  };
}
