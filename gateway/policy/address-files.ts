/** The files that a policy names to know more of an address: lists and databases, read within bounds. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { MitsubakoError } from "../model/errors.ts";
import type { AddressFacts, Policy } from "../model/policy.ts";
import { readAddressList } from "./address-list.ts";
import type { AddressSet } from "./address-set.ts";
import type { PolicyDocument } from "./document.ts";
import { openGeoDatabase } from "./geo-database.ts";
import type { GeoDatabase } from "./geo-database.ts";
import { showPath } from "./problem.ts";
import type { PolicyPath, Problem } from "./problem.ts";

/** 200,000 ranges and more. */
const LARGEST_LIST = 4 * 2 ** 20;
/** Those with whole cities in them are below. */
const LARGEST_DATABASE = 256 * 2 ** 20;

export interface NamedFile {
  readonly kind: "list" | "country" | "as";
  /** As the policy has it. */
  readonly name: string;
  /** Where it lies. */
  readonly path: string;
  /** Where the policy names it. */
  readonly at: PolicyPath;
}

export interface AddressFiles {
  readonly addresses: AddressFacts;
  readonly problems: readonly Problem[];
  /** SHA-256 of each file, hexadecimal, in their order. */
  readonly hashes: readonly string[];
}

/** Each once, in the order in which the policy names them. */
export function filesNamedIn({ geo, profiles }: Policy, document: PolicyDocument): NamedFile[] {
  const named = new Map<string, NamedFile>();
  const name = (kind: NamedFile["kind"], file: string | undefined, at: PolicyPath): void => {
    if (file === undefined || named.has(`${kind} ${file}`)) return;
    const path = isAbsolute(file) ? file : join(dirname(document.place(at).file), file);
    named.set(`${kind} ${file}`, { kind, name: file, path, at });
  };
  name("country", geo.country, ["geo", "country"]);
  name("as", geo.as, ["geo", "as"]);
  for (const [index, { match }] of profiles.entries())
    name("list", match.sourceFile, ["profiles", index, "match", "sourceFile"]);
  return [...named.values()];
}

/** Nothing is known of any address. */
export const NOTHING_KNOWN: AddressFacts = {
  isListed: () => false,
  country: () => undefined,
  as: () => undefined,
};

/** Never throws: what cannot be read is among the problems, and is not known. */
export async function readAddressFiles(
  files: readonly NamedFile[],
  document: PolicyDocument,
): Promise<AddressFiles> {
  const problems: Problem[] = [];
  const hashes: string[] = [];
  const lists = new Map<string, AddressSet>();
  const databases = new Map<NamedFile["kind"], GeoDatabase>();
  for (const { kind, name, path, at } of files) {
    try {
      const bytes = await readBounded(path, kind === "list" ? LARGEST_LIST : LARGEST_DATABASE);
      hashes.push(createHash("sha256").update(bytes).digest("hex"));
      if (kind === "list") {
        const list = readAddressList(bytes, path);
        problems.push(...list.problems);
        lists.set(name, list.addresses);
      } else databases.set(kind, await openGeoDatabase(bytes));
    } catch (error) {
      problems.push(problemOf({ name, at }, reasonOf(error), document, REMEDIES[kind]));
    }
  }
  return {
    problems,
    hashes,
    addresses: {
      isListed: (file, address) => lists.get(file)?.has(address) ?? false,
      country: (address) => databases.get("country")?.country(address),
      as: (address) => databases.get("as")?.as(address),
    },
  };
}

/** For a text that is in no file, and so cannot name another. */
export function unreadable(files: readonly NamedFile[], document: PolicyDocument): Problem[] {
  return files.map((file) => problemOf(file, "cannot be followed from here", document, ""));
}

const REMEDIES = {
  list: "Write it, with an address or a range on each line, or remove the profile",
  country: "Get a database with countries in MaxMind's format (MMDB), or remove geo.country",
  as: "Get a database with autonomous systems in MaxMind's format (MMDB), or remove geo.as",
};

function problemOf(
  { name, at }: Pick<NamedFile, "name" | "at">,
  reason: string,
  document: PolicyDocument,
  remedy: string,
): Problem {
  const found = JSON.stringify(name);
  const path = showPath(at);
  const message = `${path} names ${found}, which ${reason}${remedy === "" ? "" : `. ${remedy}`}`;
  return { ...document.place(at), path, found, message };
}

function reasonOf(error: unknown): string {
  if (error instanceof MitsubakoError) return `is ${error.message}`;
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}

async function readBounded(path: string, most: number): Promise<Buffer> {
  await using file = await open(path, "r");
  const stat = await file.stat();
  if (!stat.isFile()) throw new Error("it is not a file");
  if (stat.size > most) throw new Error(`it is over ${most} bytes`);
  // One that grows meanwhile is read as far as it was long.
  const bytes = Buffer.alloc(stat.size);
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}
