import type { ByteString } from "../../model/bytes.ts";
import type { Capture, Change } from "../../model/capture.ts";
import { contentIndicators, MOST_CONTENT } from "./content.ts";
import type { Found } from "./indicator.ts";
import { pathIndicator } from "./persistence-paths.ts";

/** The first bytes of an artifact, at most so many; undefined where it is not kept any more. */
export type ReadArtifact = (sha256: string, most: number) => Promise<Buffer | undefined>;

/** What each change of a capture tells, by its place in the capture. */
export type FoundInCapture = ReadonlyMap<number, readonly Found[]>;

/**
 * The indicators in what changed in a sandbox: by the paths, and by the contents that were kept. Files of packages that were installed,
 * as the package manager lists them, and what a server writes by itself are passed over. Bounded: MOST_CHANGES changes, MOST_CONTENT of a
 * file, MOST_READ in all, MOST_OF_A_FILE things of one file and MOST_OF_A_CAPTURE of all.
 */
export async function captureIndicators(capture: Capture, read: ReadArtifact): Promise<FoundInCapture> {
  const found = new Map<number, readonly Found[]>();
  const bounds = { read: MOST_READ, things: MOST_OF_A_CAPTURE };
  const packaged = await packagedFiles(capture, read, bounds);
  for (const [place, change] of capture.changes.slice(0, MOST_CHANGES).entries()) {
    if (isPassedOver(change, packaged)) continue;
    const told = await changeIndicators(change, read, bounds);
    const once = [...new Map(told.map((one) => [`${one.kind} ${one.value}`, one])).values()];
    const kept = once.slice(0, Math.min(MOST_OF_A_FILE, bounds.things));
    bounds.things -= kept.length;
    if (kept.length > 0) found.set(place, kept);
  }
  return found;
}

async function changeIndicators(
  change: Change,
  read: ReadArtifact,
  bounds: Bounds,
): Promise<readonly Found[]> {
  const { kind, path, type, sha256, skeleton, mode = 0 } = change;
  // A new account's home begins with the same files as everybody's.
  if (kind === "D" || skeleton === true) return [];
  const byPath = pathIndicator(path);
  const planted = byPath === undefined ? [] : [byPath];
  if (type === "link") return /\.wants\//.test(path) ? planted : [];
  if (type !== "file") return [];
  const content = sha256 === undefined ? undefined : await within(bounds, read, sha256);
  if (content === undefined || sha256 === undefined) return planted;
  const told = contentIndicators(path, content);
  const isProgram = (mode & 0o111) !== 0 || /^(?:\x7fELF|#!)/.test(content.toString("latin1", 0, 4));
  return isProgram && content.length > 0
    ? [{ kind: "hash", value: sha256 as ByteString, details: { path: path as ByteString } }, ...told]
    : told;
}

interface Bounds {
  read: number;
  things: number;
}

async function within(bounds: Bounds, read: ReadArtifact, sha256: string): Promise<Buffer | undefined> {
  if (bounds.read <= 0) return undefined;
  const content = await read(sha256, Math.min(MOST_CONTENT, bounds.read));
  bounds.read -= content?.length ?? 0;
  return content;
}

/** The files of packages that came in while the sandbox lived. */
async function packagedFiles(
  { changes }: Capture,
  read: ReadArtifact,
  bounds: Bounds,
): Promise<ReadonlySet<string>> {
  const files = new Set<string>();
  for (const { path, sha256 } of changes) {
    if (sha256 === undefined || !/^\/var\/lib\/dpkg\/info\/[^/]+\.list$/.test(path)) continue;
    const list = (await within(bounds, read, sha256))?.toString("latin1") ?? "";
    for (const line of list.split("\n")) if (line !== "" && files.size < MOST_PACKAGED) files.add(line);
  }
  return files;
}

function isPassedOver({ path, linkTarget = "" }: Change, packaged: ReadonlySet<string>): boolean {
  return WRITTEN_BY_ITSELF.test(path) || isPackaged(path, packaged) || isPackaged(linkTarget, packaged);
}

/** `/lib` and `/bin` are links to those in `/usr`: a package may list either. */
function isPackaged(path: string, packaged: ReadonlySet<string>): boolean {
  return packaged.has(path) || packaged.has(path.replace(/^\/usr\//, "/")) || packaged.has(`/usr${path}`);
}

/**
 * Logs, caches, histories, the lists of packages. Of /run only the names that the system itself gives to what it writes of logins and
 * logs: bots work there too.
 */
const WRITTEN_BY_ITSELF =
  /^\/(?:var\/(?:log|cache|mail|lib\/(?:apt|dpkg|ucf|systemd|man-db))|proc|sys|usr\/share)\/|^(?:\/var)?\/run\/(?:utmp|motd\.dynamic|mount\/utab|log\/journal\/[0-9a-f]{32}\/[\w@-]+\.journal|sudo\/ts\/[\w.-]+|systemd\/journal\/(?:kernel-seqnum|streams\/\d+:\d+)|systemd\/(?:sessions|users)\/\d+|systemd\/seats\/seat0)$|^\/var\/spool\/mail\/|\/\.[a-z]+_history$|\/\.(?:lesshst|viminfo|wget-hsts)$|^\/etc\/(?:ld\.so\.cache|mtab|hosts|resolv\.conf|hostname|machine-id)$/;

const MOST_CHANGES = 5000;
const MOST_READ = 64 * 1024 * 1024;
const MOST_OF_A_FILE = 200;
const MOST_OF_A_CAPTURE = 1000;
const MOST_PACKAGED = 200_000;
