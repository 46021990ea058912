import type { CredentialDropped } from "../model/entries.ts";
import { Chain } from "./chain.ts";
import { ENTRY_HEADER_SIZE, ENTRY_TYPES, encodeEntryHead } from "./format.ts";
import type { RawEntry } from "./parser.ts";
import type { PlainChange } from "./seal.ts";

const SPACE = 0x20;

/**
 * Drops the passwords of a recording while its bytes pass, in place. All sizes and offsets stay; of each credential the number of its
 * attempt stays, sums and checkpoints are made anew. What follows damage, or was not written whole, nobody can read: it is blanked as it
 * may hold a password too, so that it is damaged or cut off at the same byte as before.
 */
export class CredentialDropper implements PlainChange {
  readonly #chain = new Chain();
  #dropped = 0;
  #blanked = 0;

  /** Credentials that were dropped, and bytes that were blanked unread. */
  get dropped(): { readonly credentials: number; readonly unread: number } {
    return { credentials: this.#dropped, unread: this.#blanked };
  }

  header(bytes: Buffer): void {
    this.#chain.update(bytes);
  }

  entry(bytes: Buffer, entry: RawEntry): void {
    const payload = bytes.subarray(ENTRY_HEADER_SIZE);
    if (entry.type === ENTRY_TYPES.checkpoint) {
      this.#chain.checkpoint().copy(payload);
      signHead(bytes, entry);
    } else if (holdsPassword(entry.type, payload)) {
      blank(payload);
      signHead(bytes, entry);
      this.#dropped++;
    }
    this.#chain.update(bytes);
  }

  cut(bytes: Buffer): void {
    const type = bytes[8] ?? 0;
    if (bytes.length <= ENTRY_HEADER_SIZE || !MAY_HOLD.has(type)) return;
    bytes.fill(SPACE, ENTRY_HEADER_SIZE);
    this.#blanked += bytes.length - ENTRY_HEADER_SIZE;
  }

  /** Zeros are no entry's length with its check. */
  unreadable(bytes: Buffer): void {
    bytes.fill(0);
    this.#blanked += bytes.length;
  }
}

/** Whether an entry is what is left of a credential. */
export function isDropped({ type, payload }: RawEntry): boolean {
  return type === ENTRY_TYPES.credential && payload.subarray(0, BEGINNING.length).equals(BEGINNING);
}

const DROPPED: CredentialDropped["kind"] = "credential-dropped";
const BEGINNING = Buffer.from(`{"kind":"${DROPPED}"`);
const MAY_HOLD = new Set<number>([ENTRY_TYPES.credential, ENTRY_TYPES.fact]);

/** A front that was taken over may have put a credential into an entry of another kind's type. */
function holdsPassword(type: number, payload: Buffer): boolean {
  if (!MAY_HOLD.has(type)) return false;
  const kind = field(payload, "kind");
  return type === ENTRY_TYPES.credential ? kind !== DROPPED : kind === "credential";
}

/** Spaces behind JSON are JSON still. */
function blank(payload: Buffer): void {
  const attempt = field(payload, "attempt");
  const left: CredentialDropped = {
    kind: DROPPED,
    attempt: typeof attempt === "number" && Number.isSafeInteger(attempt) ? attempt : 0,
  };
  const text = JSON.stringify(left);
  // One that is shorter has no password either, whoever wrote it; it must only be one that readers pass over.
  const fits = text.length <= payload.length ? text : '{"kind":""}';
  payload.fill(SPACE);
  payload.write(fits, "latin1");
}

function field(payload: Buffer, name: string): unknown {
  try {
    return (JSON.parse(payload.toString("utf8")) as Partial<Record<string, unknown>> | null)?.[name];
  } catch {
    return undefined;
  }
}

function signHead(bytes: Buffer, head: RawEntry): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  encodeEntryHead(bytes, view, 0, head, bytes.length - ENTRY_HEADER_SIZE);
}
