import type { Extension } from "./learned.ts";

/**
 * What a persona may be called: it becomes a folder of `sandbox-image/`, an image reference and a folder of `data/keys`, where `outpost` has
 * its certificate.
 */
export const PERSONA_NAME = /^(?!outpost$)(?=.{1,63}$)[a-z0-9]+(-[a-z0-9]+)*$/;

/** The server we pretend to be. Learned from the image's own sshd when the image is built. */
export interface Persona {
  readonly name: string;
  /** Reference of the sandbox image in the engine. */
  readonly image: string;
  readonly hostname: string;
  /** Identification string without CR LF, as its sshd sends it. */
  readonly identification: string;
  /** What its sshd offers and we have, in its order; with the names among `kex` that say what else it understands. */
  readonly offer: {
    readonly kex: readonly string[];
    readonly hostKey: readonly string[];
    readonly cipher: readonly string[];
    readonly mac: readonly string[];
    readonly compression: readonly string[];
  };
  /** Key exchanges of the offer that clients known to get them wrong are not offered. */
  readonly withheld: readonly string[];
  /** Its EXT_INFO (RFC 8308), in its order. */
  readonly extensions: readonly Extension[];
  /** What a client's key may sign with: what its EXT_INFO says, or what we can verify where it has none. */
  readonly signatureAlgorithms: readonly string[];
  /** Methods that can continue, as in its USERAUTH_FAILURE. */
  readonly methods: readonly ("publickey" | "password" | "keyboard-interactive")[];
  /** Its `/etc/ssh/moduli`; absent where it has none. */
  readonly moduli?: readonly Modulus[];
  /** Text of SSH_MSG_USERAUTH_BANNER, or absent. */
  readonly banner?: string;
}

/**
 * A persona with host keys of its own, which make it one machine: a source that meets these keys again finds its own sandbox again, and
 * in another machine's nothing of it.
 */
export interface Machine {
  /** As `machineId` gives it. */
  readonly id: string;
  readonly persona: Persona;
  /** The folder of its host keys below `data/keys`. */
  readonly keys: string;
  readonly hostKeys: readonly HostKeyFile[];
}

/** What a session meets: settled when it connects, but for the name, which is seen only inside. */
export interface ShownMachine {
  readonly machine: Machine;
  readonly hostname: string;
}

/** What a policy's section `persona` says of it. */
interface WantedPersona {
  readonly name: string;
  readonly keys?: string | undefined;
}

export function keysOf({ name, keys = name }: WantedPersona): string {
  return keys;
}

export function machineId(wanted: WantedPersona): string {
  return `${wanted.name} ${keysOf(wanted)}`;
}

/** A group that sshd may choose for diffie-hellman-group-exchange (RFC 4419). */
export interface Modulus {
  readonly bits: number;
  readonly generator: number;
  /** A safe prime, hexadecimal. */
  readonly prime: string;
}

/** A private host key in OpenSSH's own format, as it lies in /etc/ssh. */
export interface HostKeyFile {
  readonly type: "ssh-ed25519" | "ecdsa-sha2-nistp256" | "ssh-rsa";
  readonly privateKey: string;
  readonly publicKey: string;
}
