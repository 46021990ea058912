import type { Endpoint } from "./endpoint.ts";
import type { EndReason } from "./end-reason.ts";
import type { SandboxId, SessionId } from "./ids.ts";
import type { SandboxFact } from "./sandbox-facts.ts";
import type { Machine, Persona } from "./persona.ts";

/**
 * All that a front and the warden say to each other. A front is not trusted: the warden checks every message
 * (gateway/warden/messages.ts), gives the session ids itself, and answers only for sessions of that very front.
 */
export type FrontRequest =
  AdmitRequest | ForeseeRequest | JudgeRequest | PreparedRequest | KeysRequest | SettleRequest;

/** A connection was accepted; may it go on? */
export interface AdmitRequest {
  readonly kind: "admit";
  readonly source: Endpoint;
  readonly listener: Endpoint;
}
export type Admission =
  | { readonly admitted: false }
  | { readonly admitted: true; readonly session: SessionId; readonly terms: SessionTerms };

/** What the policy, with the profile that matches, says of one session. */
export interface SessionTerms {
  /** The profile's name. */
  readonly profile?: string;
  /** Id of the machine that it meets, one of the front's configuration. */
  readonly machine: string;
  readonly hostname: string;
  readonly maxTries: number;
  /** In the place of the persona's. */
  readonly methods?: Persona["methods"];
  readonly banner?: string;
  readonly deadlines: SessionDeadlines;
  readonly limits: {
    readonly channels: number;
    readonly requestsPerSecond: number;
    /** Bytes. */
    readonly recordingSize: number;
  };
}

/** Milliseconds. */
export interface SessionDeadlines {
  readonly login: number;
  readonly session: number;
  readonly idle: number;
}

/**
 * Is there a sandbox that this session will most likely be led to? The upstream leg's key exchange then runs beside the
 * downstream one. Only a sandbox that the source has already: a scan must not use up a spare.
 */
export interface ForeseeRequest {
  readonly kind: "foresee";
  readonly session: SessionId;
}
export interface Foresight {
  readonly way?: WayToSandbox;
}

/** What does the policy say to this password, and which sandbox is meant? */
export interface JudgeRequest {
  readonly kind: "judge";
  readonly session: SessionId;
  readonly method: "password" | "keyboard-interactive";
  readonly user: Uint8Array;
  readonly password: Uint8Array;
}
export type Ruling =
  /** The front answers FAILURE after `delay` milliseconds, as sshd with PAM would take. */
  | { readonly ruling: "refuse"; readonly rule: string; readonly delay: number; readonly profile?: string }
  /**
   * The sandbox's own sshd is to be asked. `by` says whether the policy let them in or sshd will decide. In the former case
   * the account is being made meanwhile: ask whether it is `prepared` before the password is sent.
   */
  | {
      readonly ruling: "ask-sandbox";
      readonly by: "policy" | "sandbox";
      readonly rule: string;
      readonly way: WayToSandbox;
      /** Of the profile that matches now that the user is known. */
      readonly profile?: string;
    }
  | { readonly ruling: "no-sandbox"; readonly profile?: string };

/** Answered when the account that the last ruling promised is there. */
export interface PreparedRequest {
  readonly kind: "prepared";
  readonly session: SessionId;
}
export interface Prepared {
  readonly prepared: boolean;
}

/** The bytes of the user's authorized_keys in the source's living sandbox, and the way there; nothing where there is none. */
export interface KeysRequest {
  readonly kind: "keys";
  readonly session: SessionId;
  readonly user: Uint8Array;
}
export interface Keys {
  readonly found?: { readonly file: Uint8Array; readonly way: WayToSandbox; readonly profile?: string };
}

/**
 * Its connection is over: answered, within a second or so, when all that the sandbox did up to now was told, so that it is in the
 * recording before that is closed.
 */
export interface SettleRequest {
  readonly kind: "settle";
  readonly session: SessionId;
}
export interface Settled {
  /** False: something may come later, and lie beside the recording. */
  readonly settled: boolean;
}

/** Everything a front needs to reach its session's sandbox, and what the recording says of it. */
export interface WayToSandbox {
  readonly sandbox: SandboxId;
  readonly container: string;
  readonly image: string;
  readonly state: "new" | "returning" | "shared";
  readonly address: string;
  readonly port: number;
  /** To connect from; the firewall shows the attacker's address in its place. Port 0: any. */
  readonly from: { readonly address: string; readonly port: number };
}

/** What a front tells without waiting for an answer. */
export type FrontNotice =
  | { readonly kind: "ready" }
  /** Somebody is in: the session no longer counts as one that is starting. */
  | { readonly kind: "logged-in"; readonly session: SessionId; readonly by: "password" | "key" }
  | { readonly kind: "ended"; readonly session: SessionId; readonly reason: EndReason };

/** What the warden tells a front. */
export type WardenNotice =
  | { readonly kind: "configure"; readonly configuration: FrontConfiguration }
  /** Comes with a listening socket. */
  | { readonly kind: "listen" }
  /** Comes with the socket of a stranger who was accepted before the front had its listening socket. */
  | { readonly kind: "connection" }
  | { readonly kind: "end-session"; readonly session: SessionId; readonly reason: EndReason }
  /** Others than before: the policy has changed, or the user is known now. */
  | { readonly kind: "deadlines"; readonly session: SessionId; readonly deadlines: SessionDeadlines }
  /** What the session's sandbox did, in order; for its recording. */
  | { readonly kind: "sandbox-facts"; readonly session: SessionId; readonly facts: readonly SandboxFact[] }
  /** Accept no more; end what is still open after so many milliseconds; then exit. */
  | { readonly kind: "drain"; readonly within: number };

export interface FrontConfiguration {
  readonly sensor: string;
  readonly policy: string;
  readonly machines: readonly Machine[];
}

/** The envelopes on the channel. */
export type ToWarden =
  | { readonly type: "request"; readonly id: number; readonly request: FrontRequest }
  | { readonly type: "notice"; readonly notice: FrontNotice };
export type ToFront =
  | { readonly type: "reply"; readonly id: number; readonly reply: unknown }
  | { readonly type: "failed"; readonly id: number; readonly message: string }
  | { readonly type: "notice"; readonly notice: WardenNotice };

export interface RequestReplies {
  readonly admit: Admission;
  readonly foresee: Foresight;
  readonly prepared: Prepared;
  readonly judge: Ruling;
  readonly keys: Keys;
  readonly settle: Settled;
}
