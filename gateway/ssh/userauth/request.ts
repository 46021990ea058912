import type { AttemptMethod } from "../../model/entries.ts";
import { asCString, isCString } from "../messages/cstring.ts";
import { MSG } from "../messages/numbers.ts";
import {
  HOSTBOUND_METHOD,
  parseKeyboardInteractiveFields,
  parsePasswordFields,
  parsePublicKeyFields,
  parseSignatureField,
  type PublicKeyFields,
  type UserauthRequest,
} from "../messages/userauth.ts";
import { payload, string } from "../messages/writer.ts";
import type { Credential, LoginAttempt } from "./attempt.ts";
import { fingerprints, parsePublicKey, verifySignature } from "./public-key.ts";

/** What a request is judged by beside itself. */
export interface RequestContext {
  readonly number: number;
  /** Methods that are offered; `none` once, as sshd knows it only the first time. */
  readonly methods: ReadonlySet<string>;
  /** Signature algorithms that are accepted (PubkeyAcceptedAlgorithms). */
  readonly signatureAlgorithms: readonly string[];
  readonly sessionId: Buffer;
  /** The host key of the first key exchange, in wire form. */
  readonly hostKey: Buffer;
  /** Style of the first request's user name; sshd goes on signing with that one. */
  readonly style: Buffer | undefined;
}

export type ReadRequest =
  | { readonly kind: "attempt"; readonly attempt: LoginAttempt }
  /** Keyboard-interactive: the credential is still to be asked for. */
  | { readonly kind: "challenge"; readonly attempt: LoginAttempt }
  /** sshd gives up without a word. */
  | { readonly kind: "malformed"; readonly message: string };

/** The parts of `user/role:style` as Debian's sshd takes them apart. */
export function splitUser(user: Buffer): { account: Buffer; style: Buffer | undefined } {
  const text = asCString(user);
  const slash = text.indexOf(0x2f);
  const name = slash === -1 ? text : text.subarray(0, slash);
  const colon = name.indexOf(0x3a);
  if (colon !== -1) return { account: name.subarray(0, colon), style: name.subarray(colon + 1) };
  const role = slash === -1 ? Buffer.alloc(0) : text.subarray(slash + 1);
  const roleColon = role.indexOf(0x3a);
  return { account: name, style: roleColon === -1 ? undefined : role.subarray(roleColon + 1) };
}

/** Reads a request the way `input_userauth_request` and the methods behind it do: what they do not look at may be anything. */
export function readRequest(request: UserauthRequest, context: RequestContext): ReadRequest {
  const { user, service, method } = request;
  if (![user, service, method].every(isCString)) return malformed("a NUL inside a name");
  const name = asCString(method).toString("latin1");
  const plainName = name === HOSTBOUND_METHOD ? "publickey" : name;
  const offered = context.methods.has(plainName);
  const inService = asCString(service).equals(CONNECTION);

  const make = (credential: Credential, admissible: boolean): ReadRequest => ({
    kind: "attempt",
    attempt: {
      number: context.number,
      user,
      account: splitUser(user).account,
      method: methodKind(plainName),
      methodName: method,
      credential,
      admissible: admissible && offered && (inService || credential.kind === "password"),
      inService,
    },
  });

  switch (plainName) {
    case "none":
      if (offered && request.fields.length > 0) return malformed("bytes after a none request");
      return make({ kind: "none" }, true);
    case "password": {
      const fields = parsePasswordFields(request.fields);
      if (
        fields.kind === "malformed" ||
        !isCString(fields.password) ||
        (fields.newPassword !== undefined && !isCString(fields.newPassword))
      ) {
        return offered ? malformed("a password request") : make({ kind: "none" }, false);
      }
      return make(fields, fields.newPassword === undefined);
    }
    case "publickey":
      return readPublicKey(request, name, offered, context, make);
    case "keyboard-interactive": {
      const fields = parseKeyboardInteractiveFields(request.fields);
      if (!offered) return make({ kind: "none" }, false);
      if (fields.kind === "malformed" || !isCString(fields.language) || !isCString(fields.devices)) {
        return malformed("a keyboard-interactive request");
      }
      const asked = wantsPam(fields.devices);
      const read = make({ kind: "none" }, asked);
      return read.kind === "attempt" && asked ? { ...read, kind: "challenge" } : read;
    }
    default:
      return make({ kind: "none" }, false);
  }
}

function readPublicKey(
  request: UserauthRequest,
  method: string,
  offered: boolean,
  context: RequestContext,
  make: (credential: Credential, admissible: boolean) => ReadRequest,
): ReadRequest {
  const fields = parsePublicKeyFields(request.fields, method === HOSTBOUND_METHOD);
  if (fields.kind === "malformed" || !isCString(fields.algorithm)) {
    return offered ? malformed("a publickey request") : make({ kind: "none" }, false);
  }
  if (offered && fields.hostKey?.equals(context.hostKey) === false) return malformed("another host key");

  const algorithm = asCString(fields.algorithm).toString("latin1");
  const { md5, sha256 } = fingerprints(fields.blob);
  const credential = {
    kind: "publickey",
    algorithm: fields.algorithm,
    blob: fields.blob,
    fingerprintMd5: md5,
    fingerprintSha256: sha256,
    signed: fields.flag !== 0,
    verified: false,
  } as const;
  const key = context.signatureAlgorithms.includes(algorithm)
    ? parsePublicKey(algorithm, fields.blob)
    : undefined;
  if (!offered || key === undefined) return make(credential, false);

  const signature = parseSignatureField(fields);
  if (!Buffer.isBuffer(signature)) return malformed("a publickey request's signature");
  if (!credential.signed) return make(credential, true);
  const verified = verifySignature(key, algorithm, signedData(request, fields, context), signature);
  return make({ ...credential, verified }, verified);
}

/** What the client signs (RFC 4252 section 7), put together from what sshd understood of the request, not from its bytes. */
function signedData(request: UserauthRequest, fields: PublicKeyFields, context: RequestContext): Buffer {
  const { account } = splitUser(request.user);
  const user = context.style === undefined ? account : Buffer.concat([account, COLON, context.style]);
  return Buffer.concat([
    string(context.sessionId),
    payload(MSG.USERAUTH_REQUEST, string(user), string(asCString(request.service))),
    string(asCString(request.method)),
    Buffer.of(fields.flag),
    string(asCString(fields.algorithm)),
    string(fields.blob),
    ...(fields.hostKey === undefined ? [] : [string(fields.hostKey)]),
  ]);
}

const CONNECTION = Buffer.from("ssh-connection");
const COLON = Buffer.from(":");

/** An empty list asks for every device, and `pam` is the only one; sshd compares by the length of what was asked for. */
function wantsPam(devices: Buffer): boolean {
  const list = asCString(devices).toString("latin1");
  if (list === "") return true;
  for (const device of list.split(",")) {
    if (device === "") return false;
    if ("pam".startsWith(device)) return true;
  }
  return false;
}

function methodKind(name: string): AttemptMethod {
  return name === "none" || name === "password" || name === "publickey" || name === "keyboard-interactive"
    ? name
    : "other";
}

function malformed(what: string): ReadRequest {
  return { kind: "malformed", message: `not as it should be: ${what}` };
}
