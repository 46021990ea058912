import type { AttemptMethod } from "../../model/entries.ts";
import type { TransportEnd } from "../transport/transport.ts";

/** One authentication request, exact to the byte. Buffers are copies: they may be kept. */
export interface LoginAttempt {
  /** From 1 in each session. */
  readonly number: number;
  /** As sent. */
  readonly user: Buffer;
  /** The name that Debian's sshd looks up: what comes before `/` (SELinux role) and `:` (style) and a final NUL. */
  readonly account: Buffer;
  readonly method: AttemptMethod;
  /** The method's name as sent. */
  readonly methodName: Buffer;
  readonly credential: Credential;
  /**
   * False where a stock sshd refuses whatever the credential is: a method that is not offered, a key or nothing for a service other than
   * ssh-connection, a password change, a key it cannot use, a signature that is wrong. Nothing may be done for such an attempt but to record and refuse it;
   * a decision to accept it is treated as a refusal.
   */
  readonly admissible: boolean;
  /**
   * False for a service other than ssh-connection. sshd tries a password all the same, taking its time; where it is right, it finds that it
   * let in somebody whom it holds for unknown, and ends without a word (auth2.c, `userauth_finish`).
   */
  readonly inService: boolean;
}

export type Credential =
  | { readonly kind: "none" }
  | {
      readonly kind: "password";
      /** As sent. sshd goes on with what comes before a final NUL. */
      readonly password: Buffer;
      /** Present when a change was asked for. */
      readonly newPassword?: Buffer;
    }
  | {
      readonly kind: "publickey";
      readonly algorithm: Buffer;
      /** Wire form. */
      readonly blob: Buffer;
      /** As `ssh-keygen -l -E md5` shows it, without the prefix. */
      readonly fingerprintMd5: string;
      /** With its prefix `SHA256:`. */
      readonly fingerprintSha256: string;
      /** False: a question whether the key would do. */
      readonly signed: boolean;
      /** The signature is over this session and request, and made with this key. */
      readonly verified: boolean;
    };

/** What to answer. Waiting as long as OpenSSH would is up to whoever decides; nothing is added here. */
export type Decision =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused" }
  /** Only to a question about a key; the client will sign with it. */
  | { readonly kind: "key-acceptable" }
  /** With a DISCONNECT, or without a word. */
  | { readonly kind: "close"; readonly disconnect?: { readonly code: number; readonly text: string } };

export type UserauthResult = Login | NoLogin;

export interface Login {
  readonly kind: "login";
  /** The attempt that was accepted. */
  readonly attempt: LoginAttempt;
  /** How many attempts there were, this one included. */
  readonly attempts: number;
}

export interface NoLogin {
  readonly kind: "no-login";
  readonly attempts: number;
  readonly cause: NoLoginCause;
}

export type NoLoginCause =
  /** The other side or the connection ended it. */
  | { readonly kind: "client"; readonly end: TransportEnd }
  /** MaxAuthTries. The client was told. */
  | { readonly kind: "too-many-attempts" }
  /** Malformed or out of place; the client saw what sshd shows for it. */
  | { readonly kind: "protocol-error"; readonly message: string }
  /** `decide` said so. */
  | { readonly kind: "decided" }
  /** The signal was aborted: a deadline, or the gateway stops. */
  | { readonly kind: "aborted" }
  /** `decide` or `onAbandoned` threw. */
  | { readonly kind: "failed"; readonly error: unknown };
