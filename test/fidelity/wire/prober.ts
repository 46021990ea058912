/** A client that says whatever it is told to, and writes down all that is heard but what is random. Nothing of it is the gateway's. */
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { message, readable, strings, u32 } from "./encoding.ts";
import { Curve25519, kexInit, keysOf, OFFER, STRICT, type Offer } from "./key-exchange.ts";
import { PacketReader, PacketWriter, type CipherName, type Writing } from "./packets.ts";

export interface ProberOptions {
  /** Milliseconds without a byte that count as silence. */
  readonly patience: number;
  readonly offer?: Partial<Offer>;
  readonly identification?: string;
  readonly from?: string;
  /** Whether it is told how many bytes came at once. */
  readonly segments?: boolean;
}

/** Silence for so long is no silence but a fault of the test. Milliseconds. */
const LONGEST_WAIT = 60_000;
const LONGEST_LINE = 300;
/** What a line begins with that tells of the prober, and of no server. */
export const FAULT = "prober: ";
/** A message that no version knows: it is answered with its number, after the answers to all before it. */
const UNKNOWN = 191;

export class Prober {
  readonly heard: string[] = [];
  /** Payloads, as they came. */
  readonly packets: Buffer[] = [];
  readonly #socket: Socket;
  readonly #patience: number;
  readonly #offer: Offer;
  readonly #identification: string;
  readonly #reader = new PacketReader();
  readonly #writer = new PacketWriter();
  #line: Buffer | undefined = Buffer.alloc(0);
  #serverIdentification = "";
  #text: Buffer = Buffer.alloc(0);
  #sentInit: Buffer | undefined;
  #heardInit: Buffer | undefined;
  #exchange: Curve25519 | undefined;
  #keys: ReturnType<typeof keysOf> | undefined;
  #sessionId: Buffer | undefined;
  /** Whether what a key exchange needs next is said by itself. */
  #automatic = false;
  #fence: number | undefined;
  #end: string | undefined;
  #changed = Promise.withResolvers<undefined>();

  constructor(port: number, { patience, offer, identification, from, segments }: ProberOptions) {
    this.#patience = patience;
    this.#offer = { ...OFFER, ...offer };
    this.#identification = identification ?? "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10";
    this.#socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      allowHalfOpen: true,
      ...(from ? { localAddress: from } : {}),
    });
    this.#socket.on("data", (chunk: Buffer) => {
      if (segments === true) this.heard.push(`segment of ${chunk.length} bytes`);
      this.#arrived(chunk);
    });
    this.#socket.on("end", () => {
      this.#ended("FIN");
    });
    this.#socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#ended(error.code === "ECONNRESET" || error.code === "EPIPE" ? "RST" : String(error.code));
    });
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  get sessionId(): Buffer {
    return this.#sessionId ?? Buffer.alloc(0);
  }

  get strict(): boolean {
    return this.#offer.kex.includes(STRICT);
  }

  /* ── Saying ── */

  raw(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  endInput(): void {
    this.#socket.end();
  }

  say(payload: Buffer, writing?: Writing): void {
    this.raw(this.#writer.write(payload, writing));
  }

  identify(): void {
    this.raw(`${this.#identification}\r\n`);
  }

  /** Identification, and the wait for the server's KEXINIT. */
  async greet(): Promise<void> {
    this.identify();
    await this.until(() => this.#heardInit !== undefined);
  }

  sayKexInit(guess = false): void {
    this.#sentInit = kexInit(this.#offer, guess);
    this.say(this.#sentInit);
  }

  sayKexValue(): void {
    this.#exchange = new Curve25519();
    this.say(this.#exchange.init);
  }

  /** Up to the server's NEWKEYS; ours is still to be said. */
  async untilNewKeys(): Promise<void> {
    if (this.#heardInit === undefined) await this.greet();
    if (this.#sentInit === undefined) this.sayKexInit();
    this.sayKexValue();
    await this.until(() => this.packets.some(([type]) => type === 21));
  }

  sayNewKeys(): void {
    this.say(Buffer.of(21));
    const keys = this.#keys;
    if (!keys) return;
    this.#writer.install(keys.out, this.strict);
    this.#keys = undefined;
  }

  /** The whole first key exchange. From here on, those that the server wants are done too. */
  async ready(): Promise<void> {
    await this.untilNewKeys();
    this.sayNewKeys();
    this.#automatic = true;
    this.#forgetInits();
  }

  /** Asks for new keys, in the middle of whatever it is. */
  beginRekey(): void {
    this.sayKexInit();
  }

  /** New keys, and the wait for them. */
  async rekey(): Promise<void> {
    const before = this.#count(21);
    this.beginRekey();
    await this.until(() => this.#count(21) > before && this.#keys === undefined);
  }

  /** @throws Error when the password is not taken. */
  async login(user: string, password: string): Promise<void> {
    await this.ready();
    this.say(message(5, "ssh-userauth"));
    this.say(message(50, user, "ssh-connection", "password", 0, password));
    await this.until(() => this.#count(52) > 0 || this.#count(51) > 0);
    if (this.#count(52) === 0) throw new Error(`no login: ${this.heard.join("\n")}`);
    await this.until(() => this.packets.some((payload) => payload.includes("hostkeys-00@openssh.com")));
  }

  /* ── Waiting ── */

  /** Until it holds, or the connection ended. */
  async until(holds: () => boolean): Promise<void> {
    const late = AbortSignal.timeout(LONGEST_WAIT);
    const aborted = new Promise<void>((resolve) => {
      late.addEventListener("abort", () => {
        resolve();
      });
    });
    while (!holds() && !this.ended) {
      if (late.aborted) throw new Error(`nothing more came; heard so far:\n${this.heard.join("\n")}`);
      await Promise.race([this.#changed.promise, aborted]);
    }
  }

  /** One more packet than there are, or the end. */
  async answer(): Promise<void> {
    const before = this.packets.length;
    await this.until(() => this.packets.length > before);
  }

  /** Says it, and waits for what comes. */
  async ask(payload: Buffer, writing?: Writing): Promise<void> {
    const before = this.packets.length;
    this.say(payload, writing);
    await this.until(() => this.packets.length > before);
  }

  /** Until a message that is always answered has its answer. Only under keys: there the order of answers is that of questions. */
  async fence(): Promise<void> {
    if (this.ended) return;
    if (this.packets.at(-1)?.[0] === 1) {
      // It is leaving. What is said now would be answered or not, by chance.
      await this.until(() => this.ended);
      return;
    }
    const sequence = this.#writer.sequence;
    this.#fence = sequence;
    this.say(Buffer.of(UNKNOWN));
    await this.until(() => this.#fence === undefined);
  }

  /** Until nothing has come for a while. A server speaks first: before that it is only slow. */
  async quiet(): Promise<void> {
    await this.until(() => this.heard.length > 0);
    for (;;) {
      if (this.ended) return;
      const { promise } = this.#changed;
      const silence = Symbol("silence");
      const patience = new Promise<symbol>((resolve) => setTimeout(resolve, this.#patience, silence));
      if ((await Promise.race([promise, patience])) === silence) return;
    }
  }

  /**
   * Says no more, and hears all that is still to come: however slow the server is, nothing is missed. `fenced`: whether what was said last
   * leaves it able to answer.
   */
  async settle(fenced: boolean): Promise<void> {
    if (fenced && this.#sessionId !== undefined && this.#keys === undefined) await this.fence();
    await this.quiet();
    if (this.ended) return;
    this.#flushText();
    this.heard.push("open until the end of input");
    this.endInput();
    await this.until(() => this.ended);
  }

  /** What was heard in all; the connection is gone then. */
  close(): readonly string[] {
    this.#flushText();
    this.#socket.destroy();
    return [...this.heard, this.#end ?? "open"];
  }

  /* ── Hearing ── */

  #count(type: number): number {
    return this.packets.filter((payload) => payload[0] === type).length;
  }

  #flushText(): void {
    if (this.#text.length > 0) this.heard.push(`text ${readable(this.#text)}`);
    this.#text = Buffer.alloc(0);
  }

  #ended(how: string): void {
    this.#end ??= how;
    this.#notify();
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve(undefined);
  }

  #arrived(chunk: Buffer): void {
    try {
      this.#take(chunk);
    } catch (error) {
      this.heard.push(`${FAULT}${String(error)}`);
      this.#ended("unreadable");
    }
    this.#notify();
  }

  #take(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#line) {
      this.#line = Buffer.concat([this.#line, bytes]);
      const at = this.#line.indexOf("\n");
      if (at < 0) return;
      const line = this.#line.subarray(0, at + 1);
      bytes = this.#line.subarray(at + 1);
      this.#line = undefined;
      this.heard.push(`line ${readable(line)}`);
      this.#serverIdentification = line.toString("latin1").replace(/\r?\n$/, "");
    }
    if (this.#text.length > 0) {
      this.#text = Buffer.concat([this.#text, bytes]);
      return;
    }
    this.#reader.push(bytes);
    for (;;) {
      const text = this.#reader.takeText();
      if (text) {
        this.#text = Buffer.from(text);
        this.#reader.clear();
        return;
      }
      const framed = this.#reader.next();
      if (!framed) return;
      this.packets.push(framed.payload);
      this.#heard(framed.payload, framed.padding);
    }
  }

  #heard(payload: Buffer, padding: Buffer): void {
    const type = payload[0] ?? 0;
    if (type === 3 && this.#fence !== undefined && payload.equals(message(3, u32(this.#fence)))) {
      this.#fence = undefined;
      return;
    }
    // Random bytes under a cipher, zeros in clear.
    const filled =
      this.#keys || this.#sessionId ? "" : padding.every((byte) => byte === 0) ? " zeros" : " noise";
    this.heard.push(`${describe(payload)} +${padding.length}${filled}`);
    if (type === 20) {
      this.#heardInit = payload;
      if (this.#automatic) {
        if (this.#sentInit === undefined) this.sayKexInit();
        this.sayKexValue();
      }
    } else if (type === 31 && this.#exchange) this.#finishExchange(payload, this.#exchange);
    else if (type === 21 && this.#keys) {
      this.#reader.install(this.#keys.in, this.strict);
      if (this.#automatic) {
        this.sayNewKeys();
        this.#forgetInits();
      }
    }
  }

  #forgetInits(): void {
    this.#sentInit = undefined;
    this.#heardInit = undefined;
    this.#exchange = undefined;
  }

  #finishExchange(reply: Buffer, exchange: Curve25519): void {
    const { secret, hash } = exchange.finish(reply, {
      clientIdentification: this.#identification,
      serverIdentification: this.#serverIdentification,
      clientInit: this.#sentInit ?? Buffer.alloc(0),
      serverInit: this.#heardInit ?? Buffer.alloc(0),
    });
    this.#sessionId ??= hash;
    const cipher = this.#offer.cipher[0] as CipherName;
    this.#keys = keysOf(cipher, { secret, hash, sessionId: this.#sessionId });
  }
}

/** What the line of a KEXINIT begins with. */
export const OFFERS = "20 offers";

/** Everything of a payload that is not random. */
function describe(payload: Buffer): string {
  const type = payload[0] ?? 0;
  if (type === 20) {
    const { values, rest } = strings(payload, 17, 10);
    return `${OFFERS} ${values.map((list) => readable(list)).join(" ")} ${rest.toString("hex")}`;
  }
  if (type === 31) {
    const [key, value, signature] = strings(payload, 1, 3).values;
    if (key && value && signature) {
      const [algorithm, proof] = strings(signature, 0, 2).values;
      return `31 ${short(key)} ${value.length} ${readable(algorithm ?? Buffer.alloc(0))} ${proof?.length}`;
    }
  }
  return `${type} ${short(payload.subarray(1))}`;
}

function short(bytes: Buffer): string {
  const text = readable(bytes);
  if (text.length <= LONGEST_LINE) return text;
  return `${text.slice(0, LONGEST_LINE)}... (${bytes.length} bytes, ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)})`;
}
