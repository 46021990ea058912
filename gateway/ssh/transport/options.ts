import type { Extension } from "../../model/learned.ts";
import type { HostKeyFile, Modulus, Persona } from "../../model/persona.ts";
import type { KexInit } from "./kexinit.ts";
import type { RekeyLimits } from "./limits.ts";
import type { Agreed } from "./transport.ts";

export interface ServeOptions {
  /** Without CR LF. */
  readonly identification: string;
  readonly hostKeys: readonly Pick<HostKeyFile, "privateKey">[];
  /** In the order of preference that is shown. Every name must be one of `IMPLEMENTED`; key exchange markers may stand among `kex`. */
  readonly offer: Persona["offer"];
  /** Key exchanges that are not offered to clients known to get them wrong (`quirksOf`); both that there are if absent. */
  readonly withheld?: readonly string[];
  /** What diffie-hellman-group-exchange may choose from; without any it has the groups that sshd has without its file. */
  readonly moduli?: readonly Modulus[];
  /** EXT_INFO; none is sent where there are none. */
  readonly extensions: readonly Extension[];
  /** Ends the connection, before the first key exchange is done. */
  readonly signal?: AbortSignal;
  readonly observer?: HandshakeObserver;
  readonly rekey?: RekeyLimits;
  /** Whether strict key exchange is added to an offer that does not name it, as every sshd since December 2023 does (CVE-2023-48795); true if absent. */
  readonly strict?: boolean;
}

export interface ConnectOptions {
  /** Without CR LF. */
  readonly identification: string;
  /** The keys that the server may have; any other ends the connection. `any`: whoever it is, as when it is only asked what it is. */
  readonly hostKeys: readonly Pick<HostKeyFile, "type" | "publicKey">[] | "any";
  /** Lists to use instead of our own, which put first what is fastest here. */
  readonly offer?: Partial<Persona["offer"]>;
  readonly signal?: AbortSignal;
  readonly rekey?: RekeyLimits;
  readonly strict?: boolean;
  readonly observer?: ServerObserver;
}

/** Hears of what a server says of itself. */
export interface ServerObserver {
  /** Of the first key exchange. */
  offer(offer: KexInit): void;
  /** In wire form, once it has signed. */
  hostKey(blob: Buffer): void;
  extensions(extensions: readonly Extension[]): void;
}

/** Hears of what a client says before it is acted upon, so that it can be recorded first. What it throws ends the connection. */
export interface HandshakeObserver {
  /** The identification line without CR LF, or what came instead of one; at most 8193 bytes, the observer's own. */
  clientVersion(line: Buffer): void;
  /** Of the first key exchange. `agreed` is undefined when nothing could be; `hassh` is hexadecimal. */
  keyExchange(offer: KexInit, agreed: Agreed | undefined, hassh: string): void;
}
