/** Authentication (RFC 4252, RFC 4256, OpenSSH's PROTOCOL section 1.8 for host-bound keys). */
import type { ByteString } from "../../model/bytes.ts";
import { complete, type Malformed } from "./malformed.ts";
import { MSG } from "./numbers.ts";
import { Reader } from "./reader.ts";
import { bool, nameList, payload, string, u32 } from "./writer.ts";

/** The part that all methods share. What follows is read by the method's own parser, and by sshd only where it knows the method. */
export interface UserauthRequest {
  readonly kind: "userauth-request";
  readonly user: Buffer;
  readonly service: Buffer;
  readonly method: Buffer;
  readonly fields: Buffer;
}

export interface PasswordFields {
  readonly kind: "password";
  readonly password: Buffer;
  /** Present when the request asks for a change (RFC 4252 section 8). */
  readonly newPassword?: Buffer;
}

export interface PublicKeyFields {
  readonly kind: "publickey";
  readonly algorithm: Buffer;
  /** Public key in wire form. */
  readonly blob: Buffer;
  /** Host key in wire form, in `publickey-hostbound-v00@openssh.com` only. */
  readonly hostKey?: Buffer;
  /** The byte that says whether a signature follows (0: only a question whether the key would do); part of what is signed. */
  readonly flag: number;
  /** The signature as a string, or nothing. sshd looks at it only once it likes the key. */
  readonly rest: Buffer;
}

export interface KeyboardInteractiveFields {
  readonly kind: "keyboard-interactive";
  readonly language: Buffer;
  readonly devices: Buffer;
}

export const HOSTBOUND_METHOD = "publickey-hostbound-v00@openssh.com";

export function parseUserauthRequest(bytes: Buffer): UserauthRequest | Malformed {
  const reader = new Reader(bytes, 1);
  const head = { user: reader.string(), service: reader.string(), method: reader.string() };
  if (reader.truncated) return { kind: "malformed", type: MSG.USERAUTH_REQUEST, problem: "truncated" };
  return { kind: "userauth-request", ...head, fields: reader.rest() };
}

export function parsePasswordFields(fields: Buffer): PasswordFields | Malformed {
  const reader = new Reader(fields);
  const change = reader.bool();
  const password = reader.string();
  const message = { kind: "password", password } as const;
  return complete(
    reader,
    MSG.USERAUTH_REQUEST,
    change ? { ...message, newPassword: reader.string() } : message,
  );
}

export function parsePublicKeyFields(fields: Buffer, hostbound: boolean): PublicKeyFields | Malformed {
  const reader = new Reader(fields);
  const head = { flag: reader.u8(), algorithm: reader.string(), blob: reader.string() };
  const bound = hostbound ? { hostKey: reader.string() } : {};
  if (reader.truncated) return { kind: "malformed", type: MSG.USERAUTH_REQUEST, problem: "truncated" };
  return { kind: "publickey", ...head, ...bound, rest: reader.rest() };
}

/** The signature of a request whose flag is not 0; an empty buffer for one whose flag is 0. */
export function parseSignatureField({ flag, rest }: PublicKeyFields): Buffer | Malformed {
  const reader = new Reader(rest);
  const signature = flag === 0 ? Buffer.alloc(0) : reader.string();
  return complete(reader, MSG.USERAUTH_REQUEST, signature);
}

export function parseKeyboardInteractiveFields(fields: Buffer): KeyboardInteractiveFields | Malformed {
  const reader = new Reader(fields);
  const message = {
    kind: "keyboard-interactive",
    language: reader.string(),
    devices: reader.string(),
  } as const;
  return complete(reader, MSG.USERAUTH_REQUEST, message);
}

/** The answers of a keyboard-interactive response; never more than fit into the payload. */
export function parseInfoResponse(bytes: Buffer): readonly Buffer[] | Malformed {
  const reader = new Reader(bytes, 1);
  const count = reader.u32();
  const answers: Buffer[] = [];
  while (answers.length < count && !reader.truncated) answers.push(reader.string());
  return complete(reader, MSG.USERAUTH_INFO_RESPONSE, answers);
}

export interface UserauthFailure {
  readonly kind: "userauth-failure";
  readonly methods: readonly ByteString[];
  readonly partial: boolean;
}

export function parseUserauthFailure(bytes: Buffer): UserauthFailure | Malformed {
  const reader = new Reader(bytes, 1);
  const methods = reader.text().split(",") as ByteString[];
  return complete(reader, MSG.USERAUTH_FAILURE, {
    kind: "userauth-failure",
    methods,
    partial: reader.bool(),
  });
}

export function buildUserauthRequest(
  user: Uint8Array,
  method: string,
  ...fields: readonly Uint8Array[]
): Buffer {
  return payload(MSG.USERAUTH_REQUEST, string(user), string("ssh-connection"), string(method), ...fields);
}

export function buildUserauthFailure(methods: readonly string[]): Buffer {
  return payload(MSG.USERAUTH_FAILURE, nameList(methods), bool(false));
}

export function buildUserauthBanner(text: string): Buffer {
  return payload(MSG.USERAUTH_BANNER, string(Buffer.from(text, "utf8")), string(""));
}

export function buildPublicKeyOk(algorithm: Uint8Array, blob: Uint8Array): Buffer {
  return payload(MSG.USERAUTH_PK_OK, string(algorithm), string(blob));
}

export interface Prompt {
  readonly text: string;
  readonly echo: boolean;
}

/** With empty name, instruction and language, as PAM's come. */
export function buildInfoRequest(prompts: readonly Prompt[]): Buffer {
  const fields = prompts.flatMap(({ text, echo }) => [string(text), bool(echo)]);
  return payload(
    MSG.USERAUTH_INFO_REQUEST,
    string(""),
    string(""),
    string(""),
    u32(prompts.length),
    ...fields,
  );
}
