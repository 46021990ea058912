import type { ByteString } from "./bytes.ts";
import type { EndReason } from "./end-reason.ts";
import type { Endpoint } from "./endpoint.ts";
import type { SandboxId, SessionId } from "./ids.ts";
import type { SandboxFact } from "./sandbox-facts.ts";

/**
 * What a recording holds, decoded. Everything else (evidence, events, index, play) is computed from these
 * by the same code, live and offline.
 */
export type Entry = PacketEntry | FactEntry;

/** `downstream`: the attacker sent it. `upstream`: the sandbox's sshd sent it. */
export type Origin = "downstream" | "upstream";

interface At {
  /** Nanoseconds since the session's start, monotonic. */
  readonly at: bigint;
}

/** One decrypted SSH payload of type 80 to 100 (RFC 4254), byte for byte as it was relayed; payload[0] is the message number. */
export interface PacketEntry extends At {
  readonly type: "packet";
  readonly from: Origin;
  /** Ordinal of the channel within the session, in the order of the opens, from 1; 0 for what belongs to no channel. */
  readonly channel: number;
  readonly payload: Buffer;
}

export interface FactEntry extends At {
  readonly type: "fact";
  readonly fact: Fact;
}

/** A fact that is not in the relayed stream. Stored as JSON; new optional fields may be added, none may change its meaning. */
export type Fact =
  | SessionOpened
  | ClientVersion
  | KeyExchange
  | Attempt
  | Credential
  | CredentialDropped
  | Answer
  | SandboxLeased
  | LoggedIn
  | LocalReply
  | SandboxFact
  | SessionEnded;

/** Always the first entry. */
export interface SessionOpened {
  readonly kind: "session-opened";
  readonly session: SessionId;
  /** Wall clock, ISO 8601 in UTC with six digits of a second. Times of other entries are this plus their `at`. */
  readonly startedAt: string;
  readonly source: Endpoint;
  readonly listener: Endpoint;
  readonly sensor: string;
  readonly persona: string;
  /** The persona's host name, as the session met it; absent in recordings from before it was written down. */
  readonly hostname?: string;
  /** SHA-256 of the policy file in force, hexadecimal. */
  readonly policy: string;
  /** Of the policy's profile that matched before a user's name was known; absent where none did. */
  readonly profile?: string;
}

export interface ClientVersion {
  readonly kind: "client-version";
  /** The identification line without CR LF, and what came before it if it was not one. */
  readonly version: ByteString;
}

/** The client's offer and what was agreed, for the downstream leg's first key exchange. */
export interface KeyExchange {
  readonly kind: "key-exchange";
  readonly offer: {
    readonly kex: readonly string[];
    readonly hostKey: readonly string[];
    readonly cipherToServer: readonly string[];
    readonly cipherToClient: readonly string[];
    readonly macToServer: readonly string[];
    readonly macToClient: readonly string[];
    readonly compressionToServer: readonly string[];
    readonly compressionToClient: readonly string[];
    readonly languageToServer: readonly string[];
    readonly languageToClient: readonly string[];
  };
  /** Absent when nothing could be agreed. */
  readonly agreed?: {
    readonly kex: string;
    readonly hostKey: string;
    readonly cipherToServer: string;
    readonly cipherToClient: string;
    readonly macToServer: string;
    readonly macToClient: string;
    readonly compressionToServer: string;
    readonly compressionToClient: string;
  };
  /** MD5 of `kex;cipherToServer;macToServer;compressionToServer` (the HASSH method), hexadecimal. */
  readonly hassh: string;
}

export type AttemptMethod = "none" | "password" | "keyboard-interactive" | "publickey" | "other";

/** One authentication request. Numbered from 1 in each session; secrets ride in `Credential` entries. */
export interface Attempt {
  readonly kind: "attempt";
  readonly number: number;
  readonly user: ByteString;
  readonly method: AttemptMethod;
  /** The method's name as sent, when `method` is "other". */
  readonly methodName?: ByteString;
  /** For "publickey": the key, and whether this was a question (no signature) or a proof. */
  readonly key?: {
    readonly algorithm: ByteString;
    /** Wire form, base64. */
    readonly blob: string;
    readonly fingerprintMd5: string;
    readonly fingerprintSha256: string;
    readonly signed: boolean;
  };
}

/** In an entry type of its own, so that it can be redacted alone. */
export interface Credential {
  readonly kind: "credential";
  readonly attempt: number;
  readonly password: ByteString;
  /** The new password, when the request asked for a change (RFC 4252 section 8). */
  readonly newPassword?: ByteString;
}

/** What is left of a `Credential` whose passwords were dropped, of the same size in the recording. */
export interface CredentialDropped {
  readonly kind: "credential-dropped";
  readonly attempt: number;
}

export interface Answer {
  readonly kind: "answer";
  readonly attempt: number;
  readonly outcome: "accepted" | "refused" | "key-acceptable";
  /** Who decided: the policy's rule, the sandbox's own sshd, or the protocol (malformed, method not offered). */
  readonly by: "policy" | "sandbox" | "protocol";
  readonly rule?: string;
  /** Of the policy's profile that matched, the user's name known. */
  readonly profile?: string;
}

export interface SandboxLeased {
  readonly kind: "sandbox-leased";
  readonly sandbox: SandboxId;
  readonly container: string;
  readonly address: string;
  /** `new`: nobody was in it before. `returning`: this source's own from before. `shared`: other sessions are in it now. */
  readonly state: "new" | "returning" | "shared";
  readonly image: string;
}

/** The relay starts after this entry. */
export interface LoggedIn {
  readonly kind: "logged-in";
  readonly user: ByteString;
  readonly method: AttemptMethod;
}

/** The gateway answered a packet of types 80 to 100 itself (hostkeys-prove-00@openssh.com); the packet is the entry before. */
export interface LocalReply {
  readonly kind: "local-reply";
  readonly request: string;
}

/** The last entry of a session that ended in order. A recording without it was cut off. */
export interface SessionEnded {
  readonly kind: "session-ended";
  readonly reason: EndReason;
  /** For people: never parsed. */
  readonly detail?: string;
  /** The attacker's DISCONNECT (RFC 4253 section 11.1), if one came. */
  readonly disconnect?: { readonly code: number; readonly description: ByteString };
}
