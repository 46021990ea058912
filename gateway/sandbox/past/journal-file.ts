import { lookup3 } from "./lookup3.ts";

/** One entry of a journal: `FIELD=value`, as bytes of Latin-1. */
export interface JournalEntry {
  /** Microseconds: since 1970, and since the machine's start. */
  readonly realtime: number;
  readonly monotonic: number;
  readonly fields: readonly string[];
}

/** Each of 16 bytes. */
export interface JournalIds {
  readonly file: Buffer;
  readonly machine: Buffer;
  readonly boot: Buffer;
  readonly seqnum: Buffer;
}

/** Kinds of objects. */
const DATA = 1;
const FIELD = 2;
const ENTRY = 3;
const DATA_TABLE = 4;
const FIELD_TABLE = 5;
const ARRAY = 6;

const HEADER_BYTES = 240;
const ARCHIVED = 2;
const DATA_BUCKETS = 2047;
const FIELD_BUCKETS = 333;
/** Bytes of an object before what is its own: kind, flags, size. */
const HEAD = 16;

interface Placed {
  readonly offset: number;
  readonly hash: bigint;
}
interface Datum extends Placed {
  readonly entries: number[];
}

/**
 * A journal as journald has archived it, by systemd's JOURNAL_FILE_FORMAT: not compressed, sealed, keyed or compact, which every
 * journalctl reads. The first entry has the number 1.
 */
export function journalFile(entries: readonly JournalEntry[], ids: JournalIds): Buffer {
  return new JournalWriter().write(entries, ids);
}

class JournalWriter {
  #bytes = Buffer.alloc(1 << 16);
  #end = HEADER_BYTES;
  #last = 0;
  #objects = 0;
  readonly #data = new Map<string, Datum>();
  readonly #fields = new Map<string, Placed>();
  /** Where the last object of each hash bucket, and the last datum of each field, is. */
  readonly #tails = new Map<string, number>();

  write(entries: readonly JournalEntry[], ids: JournalIds): Buffer {
    const fieldTable = this.#object(FIELD_TABLE, FIELD_BUCKETS * 16) + HEAD;
    const dataTable = this.#object(DATA_TABLE, DATA_BUCKETS * 16) + HEAD;
    const offsets = entries.map((entry, index) => {
      const data = entry.fields
        .map((text) => this.#datum(text, dataTable, fieldTable))
        .sort((one, other) => one.offset - other.offset);
      const at = this.#object(ENTRY, 48 + 16 * data.length);
      this.#number(at + 16, index + 1);
      this.#number(at + 24, entry.realtime);
      this.#number(at + 32, entry.monotonic);
      ids.boot.copy(this.#bytes, at + 40);
      this.#bytes.writeBigUInt64LE(
        data.reduce((sum, { hash }) => sum ^ hash, 0n),
        at + 56,
      );
      data.forEach(({ offset, hash, entries: theirs }, place) => {
        this.#number(at + 64 + 16 * place, offset);
        this.#bytes.writeBigUInt64LE(hash, at + 72 + 16 * place);
        theirs.push(at);
      });
      return at;
    });
    let arrays = 1;
    for (const { offset, entries: theirs } of this.#data.values()) {
      this.#number(offset + 40, theirs[0] ?? 0);
      this.#number(offset + 56, theirs.length);
      if (theirs.length < 2) continue;
      this.#number(offset + 48, this.#array(theirs.slice(1)));
      arrays++;
    }
    const all = this.#array(offsets);
    this.#header(entries, ids, { fieldTable, dataTable, all, arrays });
    return this.#bytes.subarray(0, this.#end);
  }

  #header(
    entries: readonly JournalEntry[],
    ids: JournalIds,
    at: { fieldTable: number; dataTable: number; all: number; arrays: number },
  ): void {
    this.#bytes.write("LPKSHHRH", 0, "latin1");
    this.#bytes.writeUInt8(ARCHIVED, 16);
    ids.file.copy(this.#bytes, 24);
    ids.machine.copy(this.#bytes, 40);
    ids.boot.copy(this.#bytes, 56);
    ids.seqnum.copy(this.#bytes, 72);
    const [first, last] = [entries.at(0), entries.at(-1)];
    const numbers = [
      ...[HEADER_BYTES, this.#end - HEADER_BYTES, at.dataTable, DATA_BUCKETS * 16, at.fieldTable, FIELD_BUCKETS * 16],
      ...[this.#last, this.#objects, entries.length, entries.length, entries.length > 0 ? 1 : 0, at.all],
      ...[first?.realtime ?? 0, last?.realtime ?? 0, last?.monotonic ?? 0, this.#data.size, this.#fields.size, 0, at.arrays],
    ]; // prettier-ignore
    numbers.forEach((value, index) => {
      this.#number(88 + 8 * index, value);
    });
  }

  /** The one object that holds this text. */
  #datum(text: string, dataTable: number, fieldTable: number): Datum {
    const known = this.#data.get(text);
    if (known) return known;
    const payload = Buffer.from(text, "latin1");
    const hash = lookup3(payload);
    const offset = this.#object(DATA, 48 + payload.length);
    payload.copy(this.#bytes, offset + 64);
    const datum = { offset, hash, entries: [] };
    this.#data.set(text, datum);
    this.#intoTable(dataTable, DATA_BUCKETS, datum);
    const name = text.slice(0, text.indexOf("="));
    const field = this.#field(name, fieldTable);
    // Data of one field are a list, the newest first.
    this.#number(offset + 32, this.#tails.get(name) ?? 0);
    this.#number(field.offset + 32, offset);
    this.#tails.set(name, offset);
    return datum;
  }

  #field(name: string, table: number): Placed {
    const known = this.#fields.get(name);
    if (known) return known;
    const payload = Buffer.from(name, "latin1");
    const field = { offset: this.#object(FIELD, 24 + payload.length), hash: lookup3(payload) };
    payload.copy(this.#bytes, field.offset + 40);
    this.#fields.set(name, field);
    this.#intoTable(table, FIELD_BUCKETS, field);
    return field;
  }

  #intoTable(table: number, buckets: number, { offset, hash }: Placed): void {
    this.#bytes.writeBigUInt64LE(hash, offset + 16);
    const bucket = table + Number(hash % BigInt(buckets)) * 16;
    const tail = Number(this.#bytes.readBigUInt64LE(bucket + 8));
    this.#number(tail === 0 ? bucket : tail + 24, offset);
    this.#number(bucket + 8, offset);
  }

  #array(items: readonly number[]): number {
    const at = this.#object(ARRAY, 8 + 8 * items.length);
    items.forEach((item, index) => {
      this.#number(at + 24 + 8 * index, item);
    });
    return at;
  }

  /** @returns where it begins. `length`: of what follows its head, in bytes. */
  #object(kind: number, length: number): number {
    const at = this.#end;
    this.#end += Math.ceil((HEAD + length) / 8) * 8;
    while (this.#end > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    this.#bytes.writeUInt8(kind, at);
    this.#number(at + 8, HEAD + length);
    this.#last = at;
    this.#objects++;
    return at;
  }

  #number(at: number, value: number): void {
    this.#bytes.writeBigUInt64LE(BigInt(value), at);
  }
}
