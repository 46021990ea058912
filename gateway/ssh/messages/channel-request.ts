/** Requests on a channel (RFC 4254 sections 5.4 and 6, RFC 4335 for break, OpenSSH's PROTOCOL). */
import type { ByteString } from "../../model/bytes.ts";
import type { Malformed } from "./malformed.ts";
import { MSG } from "./numbers.ts";
import { Reader } from "./reader.ts";
import { bool, payload, string, u32 } from "./writer.ts";

export interface ChannelRequest {
  readonly kind: "channel-request";
  readonly recipient: number;
  readonly name: ByteString;
  readonly wantReply: boolean;
  readonly request: RequestDetail;
}

/** Of a terminal: in characters and in pixels. */
export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
}

export type RequestDetail =
  | {
      readonly kind: "pty-req";
      readonly term: ByteString;
      readonly size: WindowSize;
      /** Encoded terminal modes; `parseTerminalModes` reads them. */
      readonly modes: Buffer;
    }
  | { readonly kind: "env"; readonly variable: ByteString; readonly value: ByteString }
  | { readonly kind: "shell" | "auth-agent-req@openssh.com" | "eow@openssh.com" }
  | { readonly kind: "exec"; readonly command: ByteString }
  | { readonly kind: "subsystem"; readonly subsystem: ByteString }
  | { readonly kind: "window-change"; readonly size: WindowSize }
  | { readonly kind: "signal"; readonly signal: ByteString }
  | { readonly kind: "break"; readonly milliseconds: number }
  | { readonly kind: "exit-status"; readonly status: number }
  | {
      readonly kind: "exit-signal";
      readonly signal: ByteString;
      readonly coreDumped: boolean;
      readonly message: ByteString;
      readonly language: ByteString;
    }
  | {
      readonly kind: "x11-req";
      readonly single: boolean;
      readonly protocol: ByteString;
      readonly cookie: ByteString;
      readonly screen: number;
    }
  | { readonly kind: "xon-xoff"; readonly clientCanDo: boolean }
  /** A name that is not among the above, or one whose data is not what the name says. */
  | { readonly kind: "other"; readonly data: Buffer };

export function parseChannelRequest(bytes: Buffer): ChannelRequest | Malformed {
  const reader = new Reader(bytes, 1);
  const recipient = reader.u32();
  const name = reader.text();
  const wantReply = reader.bool();
  if (reader.truncated) return { kind: "malformed", type: MSG.CHANNEL_REQUEST, problem: "truncated" };
  return { kind: "channel-request", recipient, name, wantReply, request: parseDetail(name, reader.rest()) };
}

function parseDetail(name: string, data: Buffer): RequestDetail {
  const reader = new Reader(data);
  const detail = readDetail(name, reader);
  return detail === undefined || !reader.complete ? { kind: "other", data } : detail;
}

function readDetail(name: string, reader: Reader): RequestDetail | undefined {
  switch (name) {
    case "pty-req":
      return { kind: name, term: reader.text(), size: readSize(reader), modes: reader.string() };
    case "env":
      return { kind: name, variable: reader.text(), value: reader.text() };
    case "shell":
    case "auth-agent-req@openssh.com":
    case "eow@openssh.com":
      return { kind: name };
    case "exec":
      return { kind: name, command: reader.text() };
    case "subsystem":
      return { kind: name, subsystem: reader.text() };
    case "window-change":
      return { kind: name, size: readSize(reader) };
    case "signal":
      return { kind: name, signal: reader.text() };
    case "break":
      return { kind: name, milliseconds: reader.u32() };
    case "exit-status":
      return { kind: name, status: reader.u32() };
    case "exit-signal":
      return {
        kind: name,
        signal: reader.text(),
        coreDumped: reader.bool(),
        message: reader.text(),
        language: reader.text(),
      };
    case "x11-req":
      return {
        kind: name,
        single: reader.bool(),
        protocol: reader.text(),
        cookie: reader.text(),
        screen: reader.u32(),
      };
    case "xon-xoff":
      return { kind: name, clientCanDo: reader.bool() };
    default:
      return undefined;
  }
}

function readSize(reader: Reader): WindowSize {
  return { columns: reader.u32(), rows: reader.u32(), width: reader.u32(), height: reader.u32() };
}

export function buildChannelRequest(
  recipient: number,
  name: string,
  wantReply: boolean,
  ...fields: readonly Buffer[]
): Buffer {
  return payload(MSG.CHANNEL_REQUEST, u32(recipient), string(name), bool(wantReply), ...fields);
}

export function buildWindowSize(size: WindowSize): Buffer {
  return Buffer.concat([u32(size.columns), u32(size.rows), u32(size.width), u32(size.height)]);
}
