import { isIPv4 } from "node:net";
import { toByteString, type ByteString } from "../model/bytes.ts";
import type { Endpoint } from "../model/endpoint.ts";
import { MOST_ARGUMENT_BYTES, MOST_ARGUMENTS, type ConnectTarget } from "../model/process-facts.ts";
import { RECORD, RECORD_KINDS } from "../model/process-records.ts";

interface Head {
  readonly namespace: number;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly time: bigint;
  /** As it is seen inside. */
  readonly pid: number;
  /** As the host has it, and as it has the process. */
  readonly uid: number;
  readonly process: number;
}

export interface Executed extends Head {
  readonly kind: "executed" | "not-executed";
  readonly parent: number;
  /** It leads its session. */
  readonly leads: boolean;
  readonly path: ByteString;
  readonly argv: readonly ByteString[];
  readonly argvLeftOut: number;
  readonly errno: number;
}

export type WatchRecord =
  | { readonly kind: "lost"; readonly records: number; readonly overBudget: number }
  | { readonly kind: "marked"; readonly namespace: number; readonly number: number }
  | (Head & { readonly kind: "forked"; readonly parent: number })
  | Executed
  | (Head & { readonly kind: "exited"; readonly code: number })
  | (Head & { readonly kind: "connected"; readonly to: ConnectTarget; readonly errno: number })
  | (Head & { readonly kind: "accepted"; readonly from: Endpoint | undefined });

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** What one record says; undefined where it is none. Whatever bytes: bounded, and it does not throw. */
export function decodeRecord(record: Buffer): WatchRecord | undefined {
  if (record.length < 24) return undefined;
  const kind = record.readUInt32LE(RECORD.kind);
  if (kind === RECORD_KINDS.lost)
    return {
      kind: "lost",
      records: Number(record.readBigUInt64LE(8)),
      overBudget: Number(record.readBigUInt64LE(16)),
    };
  if (kind === RECORD_KINDS.marked)
    return {
      kind: "marked",
      namespace: record.readUInt32LE(RECORD.namespace),
      number: Number(record.readBigUInt64LE(RECORD.time)),
    };
  if (record.length < RECORD.shortSize) return undefined;
  const head = {
    namespace: record.readUInt32LE(RECORD.namespace),
    time: record.readBigUInt64LE(RECORD.time),
    pid: record.readUInt32LE(RECORD.inside),
    uid: record.readUInt32LE(RECORD.uid),
    process: record.readUInt32LE(RECORD.process),
  };
  const parent = record.readUInt32LE(RECORD.parent);
  const result = record.readInt32LE(RECORD.result);
  switch (kind) {
    case RECORD_KINDS.forked:
      return { ...head, kind: "forked", parent };
    case RECORD_KINDS.executed:
    case RECORD_KINDS["not-executed"]: {
      const run = kind === RECORD_KINDS.executed;
      const leads = record.readUInt32LE(RECORD.leader) === head.pid;
      const errno = run ? 0 : errnoOf(result);
      return {
        ...head,
        kind: run ? "executed" : "not-executed",
        parent,
        leads,
        errno,
        ...textsOf(record, run),
      };
    }
    case RECORD_KINDS.exited:
      return { ...head, kind: "exited", code: result };
    case RECORD_KINDS.connected: {
      const size = Math.min(record.readUInt32LE(RECORD.addressSize), RECORD.longestAddress);
      const to = targetOf(record.subarray(RECORD.address, RECORD.address + size));
      return { ...head, kind: "connected", to, errno: errnoOf(result) };
    }
    case RECORD_KINDS.accepted: {
      const from = targetOf(record.subarray(RECORD.address, RECORD.address + RECORD.acceptedAddress));
      return { ...head, kind: "accepted", from: "address" in from ? endpointOf(from) : undefined };
    }
    default:
      return undefined;
  }
}

/** Errors stand negative, to 4095; other values are none. */
function errnoOf(result: number): number {
  return result < 0 && result >= -4095 ? -result : 0;
}

/** Path and arguments, each ended by a NUL; of what was run the bytes of all arguments are told, also of those that were not read. */
function textsOf(record: Buffer, run: boolean): Pick<Executed, "path" | "argv" | "argvLeftOut"> {
  const size = Math.min(record.readUInt32LE(RECORD.pathSize), record.length - RECORD.path);
  const path = toByteString(record.subarray(RECORD.path, RECORD.path + Math.max(0, size - 1)));
  const texts = record.subarray(RECORD.path + size);
  const argv: ByteString[] = [];
  let kept = 0;
  let at = 0;
  while (at < texts.length && argv.length < MOST_ARGUMENTS && kept < MOST_ARGUMENT_BYTES) {
    const end = texts.indexOf(0, at);
    const whole = texts.subarray(at, end === -1 ? texts.length : end);
    const one = whole.subarray(0, MOST_ARGUMENT_BYTES - kept);
    argv.push(toByteString(one));
    kept += one.length;
    at += one.length < whole.length ? one.length : whole.length + 1;
    if (one.length < whole.length) break;
  }
  const all = run ? record.readUInt32LE(RECORD.argumentsSize) : texts.length;
  return { path, argv, argvLeftOut: Math.max(0, all - Math.min(at, texts.length)) };
}

function targetOf(address: Buffer): ConnectTarget {
  const family = address.length >= 2 ? address.readUInt16LE(0) : 0;
  if (family === AF_INET && address.length >= 8)
    return { family: "inet", address: address.subarray(4, 8).join("."), port: address.readUInt16BE(2) };
  if (family === AF_INET6 && address.length >= 24)
    return { family: "inet6", address: showIPv6(address.subarray(8, 24)), port: address.readUInt16BE(2) };
  if (family === AF_UNIX) return { family: "unix", path: unixPath(address.subarray(2)) };
  return { family };
}

/** Of an abstract one all bytes count; of the others those before the first NUL. */
function unixPath(path: Buffer): ByteString {
  const end = path[0] === 0 ? -1 : path.indexOf(0);
  return toByteString(end === -1 ? path : path.subarray(0, end));
}

/** In full, without leading zeros; an IPv4 address in IPv6 as such. */
function showIPv6(bytes: Buffer): string {
  if (bytes.readBigUInt64BE(0) === 0n && bytes.readUInt32BE(8) === 0xffff)
    return `::ffff:${bytes.subarray(12).join(".")}`;
  const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${words.join(":")}]`).hostname.slice(1, -1);
}

function endpointOf({ address, port }: { address: string; port: number }): Endpoint {
  const mapped = address.startsWith("::ffff:") ? address.slice(7) : address;
  return { address: isIPv4(mapped) ? mapped : address, port };
}
