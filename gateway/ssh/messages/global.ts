/** Global requests and their replies (RFC 4254 sections 4 and 7, OpenSSH's PROTOCOL). */
import type { ByteString } from "../../model/bytes.ts";
import { complete, type Malformed } from "./malformed.ts";
import { MSG } from "./numbers.ts";
import { Reader } from "./reader.ts";
import { bool, payload, string } from "./writer.ts";

export interface GlobalRequest {
  readonly kind: "global-request";
  readonly name: ByteString;
  readonly wantReply: boolean;
  readonly request: GlobalDetail;
}

export type GlobalDetail =
  | {
      readonly kind: "tcpip-forward" | "cancel-tcpip-forward";
      readonly address: ByteString;
      readonly port: number;
    }
  | {
      readonly kind: "streamlocal-forward@openssh.com" | "cancel-streamlocal-forward@openssh.com";
      readonly path: ByteString;
    }
  | {
      readonly kind: "hostkeys-00@openssh.com" | "hostkeys-prove-00@openssh.com";
      /** Public keys in wire form. */
      readonly keys: readonly Buffer[];
    }
  | { readonly kind: "keepalive@openssh.com" | "no-more-sessions@openssh.com" }
  /** A name that is not among the above, or one whose data is not what the name says. */
  | { readonly kind: "other"; readonly data: Buffer };

export interface RequestSuccess {
  readonly kind: "request-success";
  /** For `tcpip-forward` with port 0 the port; for `hostkeys-prove-00@openssh.com` the signatures. */
  readonly data: Buffer;
}

export interface RequestFailure {
  readonly kind: "request-failure";
}

export type GlobalMessage = GlobalRequest | RequestSuccess | RequestFailure;

/** `bytes[0]` is 80, 81 or 82. */
export function parseGlobal(bytes: Buffer): GlobalMessage | Malformed {
  const type = bytes[0] ?? -1;
  const reader = new Reader(bytes, 1);
  switch (type) {
    case MSG.GLOBAL_REQUEST: {
      const name = reader.text();
      const wantReply = reader.bool();
      if (reader.truncated) return { kind: "malformed", type, problem: "truncated" };
      return { kind: "global-request", name, wantReply, request: parseDetail(name, reader.rest()) };
    }
    case MSG.REQUEST_SUCCESS:
      return { kind: "request-success", data: reader.rest() };
    case MSG.REQUEST_FAILURE:
      return complete(reader, type, { kind: "request-failure" });
    default:
      return { kind: "malformed", type, problem: "unknown-type" };
  }
}

/** sshd does not look at what follows the fields of a global request, so neither is it held against one here. */
function parseDetail(name: string, data: Buffer): GlobalDetail {
  const reader = new Reader(data);
  const detail = readDetail(name, reader);
  return detail === undefined || reader.truncated ? { kind: "other", data } : detail;
}

function readDetail(name: string, reader: Reader): GlobalDetail | undefined {
  switch (name) {
    case "tcpip-forward":
    case "cancel-tcpip-forward":
      return { kind: name, address: reader.text(), port: reader.u32() };
    case "streamlocal-forward@openssh.com":
    case "cancel-streamlocal-forward@openssh.com":
      return { kind: name, path: reader.text() };
    case "hostkeys-00@openssh.com":
    case "hostkeys-prove-00@openssh.com": {
      const keys: Buffer[] = [];
      while (reader.remaining > 0 && !reader.truncated) keys.push(reader.string());
      return { kind: name, keys };
    }
    case "keepalive@openssh.com":
    case "no-more-sessions@openssh.com":
      return { kind: name };
    default:
      return undefined;
  }
}

export function buildGlobalRequest(name: string, wantReply: boolean, ...fields: readonly Buffer[]): Buffer {
  return payload(MSG.GLOBAL_REQUEST, string(name), bool(wantReply), ...fields);
}

export function buildRequestSuccess(...fields: readonly Buffer[]): Buffer {
  return payload(MSG.REQUEST_SUCCESS, ...fields);
}

export function buildRequestFailure(): Buffer {
  return payload(MSG.REQUEST_FAILURE);
}
