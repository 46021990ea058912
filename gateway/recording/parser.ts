import { Chain } from "./chain.ts";
import {
  ENTRY_HEADER_SIZE,
  ENTRY_TYPES,
  FILE_HEADER_SIZE,
  MAGIC,
  decodeEntryHead,
  decodeFileHeader,
  decodeLength,
  type EntryHead,
} from "./format.ts";

/** One entry as it stands in the file. */
export interface RawEntry extends EntryHead {
  /** Where it starts, in bytes from the start of the file. */
  readonly offset: number;
  /** A view of the buffer it was parsed from. */
  readonly payload: Buffer;
}

export interface Damage {
  /** Of the first bytes that cannot be trusted, from the start of the file. */
  readonly offset: number;
  readonly reason: string;
}

/**
 * The form without the file: takes bytes, gives the whole entries among them, keeps the chain. It holds no bytes itself;
 * what it did not consume must come again, with more behind it.
 */
export class RecordingParser {
  /** Offset in the file of the next byte to be given. */
  at: number;
  /** How many bytes from `at` on must be there for the next step. */
  wanted: number;
  /** Nothing after it is read. */
  damage: Damage | undefined;
  #header: boolean;
  #end: "no" | "end" | "sealed" = "no";
  /** Undefined before the first checkpoint of a reading from the middle: there is nothing to compare it with. */
  #chain: Chain | undefined;

  constructor(from: number) {
    this.at = from;
    this.#header = from === 0;
    this.wanted = this.#header ? FILE_HEADER_SIZE : ENTRY_HEADER_SIZE;
    this.#chain = this.#header ? new Chain() : undefined;
  }

  /** The end and the checkpoint over it were read. */
  get sealed(): boolean {
    return this.#end === "sealed";
  }

  /** Entries that are whole in `bytes`, which start at `at`. Advances `at` over them. */
  take(bytes: Buffer): RawEntry[] {
    const entries: RawEntry[] = [];
    let next = 0;
    if (this.#header && bytes.length >= FILE_HEADER_SIZE && this.#takeHeader(bytes)) next = FILE_HEADER_SIZE;
    while (!this.#header && bytes.length - next >= ENTRY_HEADER_SIZE) {
      const entry = this.#takeEntry(bytes, next);
      if (entry === undefined) break;
      if ("reason" in entry) {
        this.damage = entry;
        break;
      }
      entries.push(entry);
      next += ENTRY_HEADER_SIZE + entry.payload.length;
    }
    return entries;
  }

  /** To be called with what is left over when no more will come. */
  finish(rest: Buffer): void {
    if (this.damage !== undefined) return;
    if (this.#header) {
      const length = Math.min(rest.length, MAGIC.length);
      if (!rest.subarray(0, length).equals(MAGIC.subarray(0, length)))
        this.damage = { offset: 0, reason: NOT_ONE };
    } else if (this.sealed && rest.length > 0) {
      this.damage = { offset: this.at, reason: AFTER_END };
    }
  }

  #takeHeader(bytes: Buffer): boolean {
    const header = decodeFileHeader(bytes);
    if ("wrong" in header) {
      this.damage = { offset: 0, reason: header.wrong };
      return false;
    }
    this.#header = false;
    this.#advance(bytes, 0, FILE_HEADER_SIZE);
    return true;
  }

  /** Undefined: it is not whole yet. */
  #takeEntry(bytes: Buffer, start: number): RawEntry | Damage | undefined {
    const offset = this.at;
    const length = decodeLength(bytes, start);
    if (length === undefined) return this.#bad("the length of an entry is not what was written");
    if (this.sealed) return this.#bad(AFTER_END);
    const size = ENTRY_HEADER_SIZE + length;
    if (bytes.length - start < size) {
      this.wanted = size;
      return undefined;
    }
    const head = decodeEntryHead(bytes, start, length);
    if (head === undefined) return this.#bad("an entry's bytes are not what was written");
    const payload = bytes.subarray(start + ENTRY_HEADER_SIZE, start + size);
    if (head.type === ENTRY_TYPES.checkpoint) {
      if (this.#chain?.checkpoint().equals(payload) === false)
        return this.#bad("what stands before this checkpoint is not what it covers");
      this.#chain ??= new Chain();
    }
    if (this.#end === "end") {
      if (head.type !== ENTRY_TYPES.checkpoint) return this.#bad(AFTER_END);
      this.#end = "sealed";
    } else if (head.type === ENTRY_TYPES.end) {
      this.#end = "end";
    }
    this.#advance(bytes, start, size);
    return { offset, type: head.type, from: head.from, channel: head.channel, at: head.at, payload };
  }

  #advance(bytes: Buffer, start: number, size: number): void {
    this.#chain?.update(bytes.subarray(start, start + size));
    this.at += size;
    this.wanted = ENTRY_HEADER_SIZE;
  }

  #bad(reason: string): Damage {
    return { offset: this.at, reason };
  }
}

const NOT_ONE = "it does not begin like a recording";
const AFTER_END = "something stands after its end";
