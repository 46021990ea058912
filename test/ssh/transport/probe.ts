/** A client that says what a well-behaved one would not, and writes down what it hears. */
import { connect, type Socket } from "node:net";
import { payload, string } from "../../../gateway/ssh/messages/writer.ts";
import { EXT_INFO_CLIENT, STRICT_CLIENT } from "../../../gateway/ssh/transport/algorithms.ts";
import type { Opener, Sealer } from "../../../gateway/ssh/transport/ciphers/direction.ts";
import { KeyExchange } from "../../../gateway/ssh/transport/key-exchange.ts";
import { buildKexInit, symmetricOffer } from "../../../gateway/ssh/transport/kexinit.ts";
import { Outbox } from "../../../gateway/ssh/transport/outbox.ts";
import { PacketReader } from "../../../gateway/ssh/transport/packet-reader.ts";
import { PacketWriter } from "../../../gateway/ssh/transport/packet-writer.ts";

export interface Heard {
  /** The server's identification and any text in place of packets. */
  text: string;
  /** Payloads as `type:hex`, without those whose content is random (KEXINIT, REPLY: only their type). */
  packets: string[];
  ended: boolean;
}

export interface ProbeOptions {
  readonly strict?: boolean;
  readonly cipher?: string;
  /** The key exchange to offer; curve25519-sha256 if absent. */
  readonly kex?: string;
  /** Says in KEXINIT that a guessed packet follows. */
  readonly guess?: boolean;
  /** The script says everything after KEXINIT itself. Of messages of type 31 the lengths of their fields are told. */
  readonly byHand?: boolean;
  readonly identification?: string;
  /** How long nothing must come to count as all there is. Milliseconds. */
  readonly patience?: number;
}

const IDENTIFICATION = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10";

/** Milliseconds. */
const LONGEST_WAIT = 30_000;

export class Probe {
  readonly heard: Heard = { text: "", packets: [], ended: false };
  readonly socket: Socket;
  readonly writer: PacketWriter;
  readonly #reader = new PacketReader();
  readonly #exchange: KeyExchange;
  readonly #patience: number;
  readonly #identification: string;
  readonly #byHand: boolean;
  /** Whether the server's value in the key exchange is an mpint. */
  readonly #hasNumbers: boolean;
  /** Told of each packet when the script does all by hand. */
  onPacket: ((bytes: Buffer) => void) | undefined;
  #identified = false;
  #isRefused = false;
  #steps: Promise<void> = Promise.resolve();
  #lastHeard = performance.now();
  /** What the exchange wants to send is kept back while false. */
  #automatic = false;
  #wanted: Buffer[] = [];
  #pendingSealer: { sealer: Sealer; strict: boolean } | undefined;

  constructor(port: number, hostKeys: readonly Buffer[], options: ProbeOptions = {}) {
    this.#patience = options.patience ?? 200;
    this.#identification = options.identification ?? IDENTIFICATION;
    this.#byHand = options.byHand ?? false;
    this.#hasNumbers = options.kex?.startsWith("diffie-hellman") ?? false;
    this.socket = connect(port, "127.0.0.1");
    const outbox = new Outbox(this.socket, () => undefined);
    this.writer = new PacketWriter(outbox);
    this.#flush = () => {
      outbox.flush();
    };
    this.#exchange = new KeyExchange(
      { kind: "client", expected: hostKeys, observer: undefined },
      {
        sendNow: (bytes) => {
          if (bytes[0] === 20 && options.guess === true) bytes[bytes.length - 5] = 1; // the very bytes that are hashed
          if (this.#automatic) this.packet(Buffer.from(bytes));
          else this.#wanted.push(Buffer.from(bytes));
        },
        over: false,
        sendUnimplemented: () => undefined,
        newKeysOut: (sealer: Sealer, _agreed, strict) => {
          if (this.#automatic) this.writer.install(sealer, strict);
          else this.#pendingSealer = { sealer, strict };
        },
        newKeysIn: (opener: Opener) => {
          if (options.strict !== false) this.#reader.resetSequence();
          this.#reader.install(opener);
        },
        finished: () => undefined,
      },
      Buffer.from(this.#identification),
      symmetricOffer({
        kex: [
          options.kex ?? "curve25519-sha256",
          EXT_INFO_CLIENT,
          ...(options.strict === false ? [] : [STRICT_CLIENT]),
        ],
        hostKey: ["ssh-ed25519"],
        cipher: [options.cipher ?? "aes128-ctr"],
        mac: ["hmac-sha2-256-etm@openssh.com"],
        compression: ["none"],
      }),
    );
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.heard.ended = true;
    });
    this.socket.on("data", (chunk: Buffer) => {
      this.#lastHeard = performance.now();
      this.#steps = this.#steps
        .then(() => this.#take(chunk))
        .catch((error: unknown) => {
          this.heard.packets.push(`probe: ${String(error)}`);
        });
    });
  }

  readonly #flush: () => void;

  raw(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  packet(bytes: Buffer): void {
    this.writer.write(bytes);
    this.#flush();
  }

  identify(): void {
    this.raw(`${this.#identification}\r\n`);
  }

  /** Our KEXINIT; the rest of the exchange waits for `go`. */
  kexInit(): void {
    this.#automatic = true;
    this.#exchange.begin();
    this.#automatic = false;
  }

  /** Lets the key exchange send what it wants to. */
  async go(): Promise<void> {
    await this.#until(20);
    await this.quiet();
    this.#automatic = true;
    for (const bytes of this.#wanted) this.packet(bytes);
    this.#wanted = [];
    if (this.#pendingSealer) this.writer.install(this.#pendingSealer.sealer, this.#pendingSealer.strict);
    this.#pendingSealer = undefined;
    await this.quiet();
  }

  /** Everything up to NEWKEYS in both directions. */
  async ready(): Promise<void> {
    this.identify();
    this.#automatic = true;
    this.#exchange.begin();
    await this.#until(21);
    await this.quiet();
  }

  /** Up to the server's NEWKEYS; ours is held back until `go`. */
  async untilNewKeys(): Promise<void> {
    this.identify();
    this.kexInit();
    await this.#until(20);
    await this.quiet();
    const [init] = this.#wanted.splice(0, 1);
    if (init) {
      this.packet(init);
      await this.#until(21);
    }
    await this.quiet();
  }

  /** Until a message has come that comes in any case, unless the server has left: a busy machine is silent for seconds. */
  async #until(type: number): Promise<void> {
    const from = performance.now();
    const hasCome = () =>
      this.heard.packets.some((line) => line === String(type) || line.startsWith(`${type}:`));
    while (!hasCome() && !this.heard.ended && performance.now() - from < LONGEST_WAIT)
      await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Waits until nothing has come for a while. */
  async quiet(): Promise<void> {
    this.#lastHeard = performance.now();
    while (!this.heard.ended && performance.now() - this.#lastHeard < this.#patience)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await this.#steps;
  }

  #fieldLengths(bytes: Buffer): string[] {
    const lengths: string[] = [];
    let at = 1;
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at);
      const isNumber = lengths.length === 1 && this.#hasNumbers;
      // A random number is a byte longer half of the time (its sign's), and seldom shorter: about 256 is one of 2048 bits.
      lengths.push(isNumber ? `about ${Math.round(length / 4) * 4}` : String(length));
      at += 4 + length;
    }
    return at === bytes.length ? lengths : [...lengths, `${bytes.length - at} more`];
  }

  async #take(chunk: Buffer): Promise<void> {
    if (!this.#identified) {
      this.heard.text += chunk.toString("latin1");
      const end = this.heard.text.indexOf("\r\n");
      if (end < 0) return;
      this.#identified = true;
      this.#exchange.peerIdentification = Buffer.from(this.heard.text.slice(0, end), "latin1");
      const rest = Buffer.from(this.heard.text.slice(end + 2), "latin1");
      this.heard.text = this.heard.text.slice(0, end + 2);
      if (rest.length > 0) await this.#take(rest);
      return;
    }
    // A plain-text refusal instead of packets; sshd writes its end by itself.
    this.#isRefused ||=
      this.heard.packets.length === 0 && /^(Invalid|Protocol|No SSH)/.test(chunk.toString("latin1"));
    if (this.#isRefused) {
      this.heard.text += chunk.toString("latin1");
      return;
    }
    if (this.#byHand && this.heard.packets.includes("21:")) return; // what is encrypted after NEWKEYS
    this.#reader.push(chunk);
    for (let bytes = this.#reader.next(); bytes; bytes = this.#reader.next()) {
      const type = bytes[0] ?? 0;
      const random = type === 20 || type === 31;
      const lengths = type === 31 && this.#byHand ? ` of ${this.#fieldLengths(bytes).join(", ")}` : "";
      this.heard.packets.push(random ? `${type}${lengths}` : `${type}:${describe(bytes)}`);
      if (this.#byHand) {
        this.onPacket?.(Buffer.from(bytes));
        if (type === 21) return;
      }
      if (!this.#byHand && type >= 20 && type <= 49) await this.#exchange.take(bytes, this.#reader.sequence);
    }
  }
}

function describe(bytes: Buffer): string {
  return bytes[0] === 1
    ? bytes
        .subarray(1)
        .toString("latin1")
        .replace(/[^ -~]/g, ".")
    : bytes.subarray(1).toString("hex");
}

export const SERVICE_REQUEST = payload(5, string("ssh-userauth"));
export { buildKexInit, payload, string };
