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
  /** What diffie-hellman-group-exchange may choose from; without any it has the groups that sshd has without its file. */
  readonly moduli?: readonly Modulus[];
  /** For EXT_INFO's `server-sig-algs`. */
  readonly signatureAlgorithms: readonly string[];
  /** Ends the connection, before the first key exchange is done. */
  readonly signal?: AbortSignal;
  readonly observer?: HandshakeObserver;
  readonly rekey?: RekeyLimits;
  /** Strict key exchange, which every sshd since December 2023 offers (CVE-2023-48795); true if absent. */
  readonly strict?: boolean;
}

export interface ConnectOptions {
  /** Without CR LF. */
  readonly identification: string;
  /** The keys that the server may have; any other ends the connection. */
  readonly hostKeys: readonly Pick<HostKeyFile, "type" | "publicKey">[];
  /** Lists to use instead of our own, which put first what is fastest here. */
  readonly offer?: Partial<Persona["offer"]>;
  readonly signal?: AbortSignal;
  readonly rekey?: RekeyLimits;
  readonly strict?: boolean;
}

/** Hears of what a client says before it is acted upon, so that it can be recorded first. What it throws ends the connection. */
export interface HandshakeObserver {
  /** The identification line without CR LF, or what came instead of one; at most 8193 bytes, the observer's own. */
  clientVersion(line: Buffer): void;
  /** Of the first key exchange. `agreed` is undefined when nothing could be; `hassh` is hexadecimal. */
  keyExchange(offer: KexInit, agreed: Agreed | undefined, hassh: string): void;
}
