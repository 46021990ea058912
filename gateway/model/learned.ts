import type { Socket } from "node:net";

/** What a server says of itself on the wire, unreduced. Texts have one character per byte unless it says otherwise. */
export interface Learned {
  /** Without CR LF. */
  readonly identification: string;
  /** Its KEXINIT (RFC 4253 section 7.1), with the names in it that are no key exchange; its lists are the same in both directions. */
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
  readonly compression: readonly string[];
  /** Key exchanges that it does not offer to clients known to get them wrong. */
  readonly withheld: readonly string[];
  /** Its EXT_INFO (RFC 8308), in its order; empty when it sends none. */
  readonly extensions: readonly Extension[];
  /** Of USERAUTH_FAILURE. */
  readonly methods: readonly string[];
  /** Text of its USERAUTH_BANNER as UTF-8, if it sends one. */
  readonly banner?: string | undefined;
  /** Those of its host keys that it shows to whom asks for their kinds. */
  readonly hostKeys: readonly ShownHostKey[];
  /** What it says after a login before it is asked for anything; absent where nobody logged in. */
  readonly afterLogin?: readonly string[] | undefined;
}

export interface Extension {
  readonly name: string;
  readonly value: string;
}

export interface ShownHostKey {
  /** As in its public key, for example `ssh-rsa`. */
  readonly type: string;
  /** Of an RSA key the length of its modulus; of others that of their curve. */
  readonly bits: number;
}

export interface Inquiry {
  /** A new connection to the server. */
  readonly connect: () => Promise<Socket>;
  /** With it, what the server says after a login is heard too. */
  readonly login?: { readonly user: string; readonly password: string } | undefined;
  readonly signal: AbortSignal;
}

/** Meets a server and hears what it says of itself. Whoever learns an image's sshd is given it, as only `ssh` speaks SSH. */
export type Inquire = (inquiry: Inquiry) => Promise<Learned>;

/** Of EXT_INFO, the algorithms that a client's key may sign with. */
export const SIGNATURE_ALGORITHMS = "server-sig-algs";
