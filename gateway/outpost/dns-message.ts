import type { ByteString } from "../model/bytes.ts";
import { nameBytes, nameKey, readName, type WireName } from "./dns-name.ts";
import { readRecordData } from "./dns-record-data.ts";

/** What is answered; every other type is not. */
export const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33 } as const;
export const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

export interface Query {
  readonly id: number;
  /** As it stood there, to be repeated in the answer. */
  readonly question: Buffer;
  readonly name: WireName;
  readonly type: number;
  readonly class: number;
  readonly recursionDesired: boolean;
  /** Bytes that the asker takes by UDP (EDNS); undefined where it says nothing. */
  readonly udpSize: number | undefined;
}

/** A question that cannot be answered, and with which code it is sent back. */
export interface BadQuery {
  readonly id: number;
  readonly rcode: number;
}

export interface DnsRecord {
  readonly name: WireName;
  readonly type: number;
  readonly ttl: number;
  /** With names in it uncompressed. */
  readonly data: Buffer;
}

/** What is known about a name. */
export interface Finding {
  readonly rcode: number;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  /** There is more than was told. */
  readonly truncated: boolean;
}

export interface ParsedAnswer extends Finding {
  readonly id: number;
  readonly name: WireName;
  readonly type: number;
}

const HEADER = 12;
const IN = 1;
const OPT = 41;
const MOST_RECORDS = 64;
/** What we say that we take by UDP: no fragment arises from it anywhere. */
const OUR_UDP_SIZE = 1232;

/** Undefined for what gets no answer at all: it is none of a question, or itself an answer. */
export function parseQuery(message: Buffer): Query | BadQuery | undefined {
  if (message.length < HEADER) return undefined;
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return undefined;
  if ((flags & 0x7800) !== 0) return { id, rcode: RCODES.NOTIMP };
  const read = readName(message, HEADER);
  if (message.readUInt16BE(4) !== 1 || !read || read.next + 4 > message.length)
    return { id, rcode: RCODES.FORMERR };
  return {
    id,
    question: Buffer.concat([read.name, message.subarray(read.next, read.next + 4)]),
    name: read.name,
    type: message.readUInt16BE(read.next),
    class: message.readUInt16BE(read.next + 2),
    recursionDesired: (flags & 0x0100) !== 0,
    udpSize: udpSizeIn(message, read.next + 4),
  };
}

/** The name that a question, perhaps cut off behind it, asks for. */
export function questionedName(message: Buffer): ByteString | undefined {
  if (message.length < HEADER || (message.readUInt16BE(2) & 0x8000) !== 0 || message.readUInt16BE(4) !== 1)
    return undefined;
  const read = readName(message, HEADER);
  return read && nameBytes(read.name);
}

export function refusal({ id, rcode }: BadQuery): Buffer {
  return header(id, 0x8080 | rcode, [0, 0, 0, 0]);
}

/**
 * The answer, in at most `room` bytes: what does not fit is left out from the end, and `flagged` says whether the
 * asker is told so (by UDP; a stream has nothing better to offer).
 */
export function encodeAnswer(query: Query, finding: Finding, room: number, flagged: boolean): Buffer {
  const opt = query.udpSize === undefined ? [] : [OPT_RECORD];
  let left = room - HEADER - query.question.length - (opt.length === 0 ? 0 : OPT_RECORD.length);
  let cut = finding.truncated;
  const fitting = (records: readonly DnsRecord[]): Buffer[] => {
    const fit: Buffer[] = [];
    for (const record of records) {
      const encoded = encodeRecord(record, query.name);
      if (encoded.length > left) {
        cut = true;
        break;
      }
      left -= encoded.length;
      fit.push(encoded);
    }
    return fit;
  };
  const answers = fitting(finding.answers);
  // That the authority does not fit is no loss that the asker would come again for.
  const cutAnswers = cut;
  const authority = fitting(finding.authority);
  const flags =
    0x8080 | (query.recursionDesired ? 0x0100 : 0) | (cutAnswers && flagged ? 0x0200 : 0) | finding.rcode;
  return Buffer.concat([
    header(query.id, flags, [1, answers.length, authority.length, opt.length]),
    query.question,
    ...answers,
    ...authority,
    ...opt,
  ]);
}

/** How long the whole answer would be. */
export function answerSize(query: Query, finding: Finding): number {
  return encodeAnswer(query, finding, Infinity, false).length;
}

export function encodeQuestion(id: number, name: WireName, type: number, udpSize?: number): Buffer {
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(type, 0);
  tail.writeUInt16BE(IN, 2);
  return Buffer.concat([
    header(id, 0x0100, [1, 0, 0, udpSize === undefined ? 0 : 1]),
    name,
    tail,
    ...(udpSize === undefined ? [] : [optRecord(udpSize)]),
  ]);
}

/** A resolver's answer. Records of other types than ours are left out. Undefined for what is no answer to one question. */
export function parseAnswer(message: Buffer): ParsedAnswer | undefined {
  if (message.length < HEADER) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & 0xf800) !== 0x8000 || message.readUInt16BE(4) !== 1) return undefined;
  const question = readName(message, HEADER);
  if (!question || question.next + 4 > message.length || message.readUInt16BE(question.next + 2) !== IN)
    return undefined;
  const answers = readRecords(message, question.next + 4, message.readUInt16BE(6));
  const authority = readRecords(message, answers.next, answers.whole ? message.readUInt16BE(8) : 0);
  return {
    id: message.readUInt16BE(0),
    name: question.name,
    type: message.readUInt16BE(question.next),
    rcode: flags & 15,
    answers: answers.records,
    authority: authority.records.filter(({ type }) => type === TYPES.SOA),
    truncated: (flags & 0x0200) !== 0 || !answers.whole,
  };
}

function readRecords(
  message: Buffer,
  start: number,
  count: number,
): { records: DnsRecord[]; next: number; whole: boolean } {
  const records: DnsRecord[] = [];
  let offset = start;
  for (let index = 0; index < count; index++) {
    const owner = readName(message, offset);
    if (index >= MOST_RECORDS || !owner || owner.next + 10 > message.length)
      return { records, next: offset, whole: false };
    const type = message.readUInt16BE(owner.next);
    const dataStart = owner.next + 10;
    const end = dataStart + message.readUInt16BE(owner.next + 8);
    if (end > message.length) return { records, next: offset, whole: false };
    const data =
      message.readUInt16BE(owner.next + 2) === IN ? readRecordData(message, type, dataStart, end) : undefined;
    // RFC 2181, section 8: a time to live with the upper bit set is none.
    const ttl = message.readUInt32BE(owner.next + 4);
    if (data) records.push({ name: owner.name, type, ttl: ttl > 0x7fffffff ? 0 : ttl, data });
    offset = end;
  }
  return { records, next: offset, whole: true };
}

/** The EDNS record stands among the additional ones, which come last. */
function udpSizeIn(message: Buffer, start: number): number | undefined {
  let offset = start;
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  for (let index = 0; index < Math.min(count, MOST_RECORDS); index++) {
    const owner = readName(message, offset);
    if (!owner || owner.next + 10 > message.length) return undefined;
    if (message.readUInt16BE(owner.next) === OPT) return Math.max(512, message.readUInt16BE(owner.next + 2));
    offset = owner.next + 10 + message.readUInt16BE(owner.next + 8);
  }
  return undefined;
}

function header(id: number, flags: number, counts: readonly [number, number, number, number]): Buffer {
  const bytes = Buffer.alloc(HEADER);
  for (const [index, value] of [id, flags, ...counts].entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

function encodeRecord({ name, type, ttl, data }: DnsRecord, questioned: WireName): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(IN, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  const owner = nameKey(name) === nameKey(questioned) ? Buffer.from([0xc0, HEADER]) : name;
  return Buffer.concat([owner, fixed, data]);
}

function optRecord(udpSize: number): Buffer {
  const bytes = Buffer.alloc(11);
  bytes.writeUInt16BE(OPT, 1);
  bytes.writeUInt16BE(udpSize, 3);
  return bytes;
}

const OPT_RECORD = optRecord(OUR_UDP_SIZE);
