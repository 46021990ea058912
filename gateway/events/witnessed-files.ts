import { asText } from "../model/bytes.ts";
import type { FileFact } from "../model/file-facts.ts";
import type { Dropped, Observation } from "../evidence/observation.ts";
import { FetchedFiles } from "../evidence/urls.ts";
import type { EventBody } from "./cowrie-event.ts";
import { textField } from "./text-fields.ts";

/** Written by the system itself in every session. They are in the evidence; they are nothing that was fetched. */
export function isBookkeeping(path: string): boolean {
  return /^\/(?:var\/(?:log|run|cache|mail|spool\/mail|lib\/(?:dpkg|apt))|run)\/|\/\.[a-z]+_history$|^\/etc\/(?:passwd|shadow|group|gshadow|subuid|subgid)[-+]?$/.test(
    path,
  );
}

/** Different files of one session that are told apart. */
const MOST_FILES = 10_000;
/** Names of one content that were typed. */
const MOST_NAMES = 20;

/**
 * Events of what the witness saw of one session: each content at each path once, however often it was run, and none that came in by
 * SFTP or SCP, which is told by another event. It has to be shown all that is observed, in order.
 */
export class WitnessedFiles {
  readonly #fetched = new FetchedFiles();
  readonly #uploaded = new Set<string>();
  /** Hashes of files that shell commands wrote, which is told by another event, each with the ends of their paths, or whole ones. */
  readonly #typed = new Map<string, string[]>();
  /** Hashes, and hashes with paths. */
  readonly #told = new Set<string>();

  observe(observation: Observation): void {
    this.#fetched.observe(observation);
    if (
      observation.kind === "transfer" &&
      observation.direction === "upload" &&
      observation.sha256 !== undefined
    )
      add(this.#uploaded, observation.sha256);
    if (observation.kind === "dropped" && observation.certainty === "written") this.#type(observation);
  }

  /** Whether shell commands wrote this very content to a file that can be no other. */
  hasTyped(path: string, sha256: string): boolean {
    const said = this.#typed.get(sha256);
    return said?.some((one) => (one.startsWith("/") ? one === path : path.endsWith(`/${one}`))) === true;
  }

  /** Whether there was an event for it. */
  hasTold(path: string, sha256: string): boolean {
    return this.#told.has(`${sha256} ${path}`);
  }

  /** There is an event for it, by a capture. */
  tell(path: string, sha256: string): void {
    add(this.#told, sha256);
    add(this.#told, `${sha256} ${path}`);
  }

  #type({ path, sha256 }: Dropped): void {
    if (sha256 === undefined || this.#typed.size >= MOST_FILES) return;
    // What stands before `~` or `..` is not known.
    const certain = path.startsWith("/")
      ? [path]
      : path.split("/").filter((part) => part !== "." && part !== "");
    const said = certain.slice(Math.max(certain.lastIndexOf(".."), certain.lastIndexOf("~")) + 1).join("/");
    if (said === "") return;
    const paths = this.#typed.get(sha256) ?? [];
    if (paths.length < MOST_NAMES) this.#typed.set(sha256, [...paths, said]);
  }

  /** Those without content make none, as they could not be told apart. */
  events({ path, sha256, how, size, pid, uid, whose }: FileFact): EventBody[] {
    // What is run is never the system's bookkeeping: `/run` is where bots like to work.
    if (sha256 === undefined || (how === "deleted" && isBookkeeping(path))) return [];
    if (this.hasTold(path, sha256) || this.#uploaded.has(sha256) || this.#told.size >= MOST_FILES) return [];
    const url = this.#fetched.urlOf(path);
    const duplicate = this.#told.has(sha256);
    this.tell(path, sha256);
    return [
      {
        eventid: "cowrie.session.file_download",
        message: `File ${asText(path)} ${SENTENCES[how]}`,
        ...(url === undefined ? {} : textField("url", url)),
        outfile: `data/artifacts/${sha256}`,
        shasum: sha256,
        duplicate,
        ...textField("destfile", path),
        mitsubako_how: how,
        mitsubako_size: size,
        ...(pid === undefined ? {} : { mitsubako_pid: pid }),
        ...(uid === undefined ? {} : { mitsubako_uid: uid }),
        ...(whose === undefined ? {} : { mitsubako_whose: whose }),
      },
    ];
  }
}

function add(set: Set<string>, text: string): void {
  if (set.size < MOST_FILES) set.add(text);
}

const SENTENCES = {
  run: "was run in the sandbox",
  deleted: "was deleted in the sandbox",
  "run-and-deleted": "was run and deleted in the sandbox",
} as const satisfies Record<FileFact["how"], string>;
