import type { Socket } from "node:net";
import { EXT_INFO_IN_AUTH, parseExtInfo } from "../messages/ext-info.ts";
import { buildDisconnect } from "../messages/general.ts";
import { DISCONNECT_CODE, MSG } from "../messages/numbers.ts";
import { Reader } from "../messages/reader.ts";
import { payload as build, u32 } from "../messages/writer.ts";
import { EXT_INFO_SERVER } from "./algorithms.ts";
import type { Opener, Sealer } from "./ciphers/direction.ts";
import { closeInOrder, closeRefused } from "./closing.ts";
import { Deflater, Inflater } from "./compression.ts";
import { ProtocolError, TransportFailed } from "./failures.ts";
import { HeldPayloads } from "./held-payloads.ts";
import { IdentificationReader, quirksOf } from "./identification.ts";
import { KeyExchange, type ExchangeRole, type ExchangeWire } from "./key-exchange.ts";
import type { KexInit } from "./kexinit.ts";
import { AFTER_LOGIN, BEFORE_LOGIN, needNewKeys, READ_AT_ONCE, type RekeyLimits } from "./limits.ts";
import { KEX_MSG, LAST_DISPATCHED, LEAST_LOCAL_TYPE, LEAST_TYPE } from "./numbers.ts";
import { Outbox } from "./outbox.ts";
import { PacketReader } from "./packet-reader.ts";
import { PacketWriter } from "./packet-writer.ts";
import { readTransportMessage } from "./transport-messages.ts";
import type { Agreed, Transport, TransportEnd, TransportHandler } from "./transport.ts";

export interface ConnectionSetup {
  readonly role: ExchangeRole;
  readonly identification: string;
  readonly offer: KexInit;
  readonly withheld: readonly string[];
  readonly rekey: RekeyLimits;
  readonly signal: AbortSignal | undefined;
  /** The peer's identification line, or what came instead. */
  readonly onIdentification: (line: Buffer) => void;
}

/** How long our end may wait for a key exchange to let go of what it holds back. Milliseconds. */
const LONGEST_HOLD = 10_000;

const KEX_TYPES = { first: 20, last: 49 };

/** A socket, made into a transport. */
export class Connection implements Transport, ExchangeWire {
  readonly role: "server" | "client";
  readonly closed: Promise<TransportEnd>;
  /** Resolves with the first NEWKEYS in both directions; rejects with what the observer threw, or with TransportFailed. */
  readonly established: Promise<void>;
  #peerIdentification: Buffer = Buffer.alloc(0);

  readonly #socket: Socket;
  readonly #setup: ConnectionSetup;
  readonly #identification: IdentificationReader;
  readonly #exchange: KeyExchange;
  readonly #outbox: Outbox;
  readonly #reader = new PacketReader();
  readonly #writer: PacketWriter;
  wantsExtInfoInAuth = false;
  /** Once there was one, or the service was granted. */
  #extInfoIsLate = false;
  #identified = false;
  #noRekey = false;
  #authenticated = false;

  #handler: TransportHandler | null = null;
  #paused = false;
  #computing = false;
  #pumping = false;
  #peerEnded = false;
  /** A wake-up is on its way. */
  #waking = false;
  /** `send` said false, and `drain` is owed. */
  #blocked = false;
  /** Payloads that wait for the end of a key exchange. */
  readonly #held = new HeldPayloads();

  #end: TransportEnd | undefined;
  /** A defect that is to be reported as it is. */
  #defect: unknown;
  #resolveClosed!: (end: TransportEnd) => void;
  #resolveEstablished!: () => void;
  #rejectEstablished!: (error: unknown) => void;

  constructor(socket: Socket, setup: ConnectionSetup) {
    this.#socket = socket;
    this.#setup = setup;
    this.role = setup.role.kind;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.established = new Promise((resolve, reject) => {
      this.#resolveEstablished = resolve;
      this.#rejectEstablished = reject;
    });
    this.#identification = new IdentificationReader(this.role);
    this.#outbox = new Outbox(socket, () => {
      this.#guarded(() => {
        this.#written();
      });
    });
    this.#writer = new PacketWriter(this.#outbox);
    const own = Buffer.from(setup.identification, "latin1");
    this.#exchange = new KeyExchange(setup.role, this, own, setup.offer);
    this.#begin(own);
  }

  get over(): boolean {
    return this.#end !== undefined || this.#socket.destroyed;
  }

  get sessionId(): Buffer {
    return this.#exchange.sessionId ?? Buffer.alloc(0);
  }

  get peerIdentification(): Buffer {
    return this.#peerIdentification;
  }

  get agreed(): Agreed {
    if (!this.#exchange.agreed) throw new Error("nothing is agreed before the first key exchange is done");
    return this.#exchange.agreed;
  }

  attach(handler: TransportHandler | null): void {
    this.#handler = handler;
    this.#wake();
  }

  send(payload: Uint8Array): boolean {
    if (this.#end || this.#held.closing || this.#socket.destroyed) return false;
    if (this.#exchange.holdsBack) {
      this.#held.hold(payload);
      this.#blocked = true;
      return false;
    }
    this.#write(payload);
    if (this.role === "server") this.#noteSent(payload[0]);
    this.#rekeyIfDue();
    return this.#hasRoom();
  }

  #noteSent(type: number | undefined): void {
    if (type === MSG.USERAUTH_SUCCESS) this.#loggedIn();
    if (type === MSG.SERVICE_ACCEPT) this.#extInfoIsLate = true;
  }

  sendUnimplemented(sequence: number): void {
    if (!this.#end) this.#write(build(MSG.UNIMPLEMENTED, u32(sequence)));
  }

  cork(): void {
    this.#outbox.cork();
  }

  uncork(): void {
    this.#outbox.uncork();
  }

  pause(): void {
    this.#paused = true;
    this.#steerSocket();
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  /** Asks for new keys now, whatever the limits say. Nothing happens while an exchange is under way. */
  rekey(): void {
    if (!this.#end && !this.#exchange.initial) this.#exchange.begin();
  }

  startDelayedCompression(): void {
    if (this.#end) return;
    this.#loggedIn();
    this.#compress("in");
    this.#compress("out");
  }

  disconnect(code: number, description: string): void {
    this.#afterHeld(() => {
      this.#write(buildDisconnect(code, description));
      this.#finish({ kind: "ended-by-us" });
    });
  }

  end(): void {
    this.#afterHeld(() => {
      this.#finish({ kind: "ended-by-us" });
    });
  }

  destroy(): void {
    this.#end ??= { kind: "ended-by-us" };
    this.#socket.destroy();
  }

  /* ── From the socket ── */

  #begin(own: Buffer): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    // Else Node ends our side, and then the socket, at the peer's FIN though what came before it is not read yet.
    socket.allowHalfOpen = true;
    socket.on("data", (chunk: Buffer) => {
      this.#guarded(() => {
        this.#arrived(chunk);
      });
    });
    socket.on("end", () => {
      this.#peerEnded = true;
      this.#pump();
    });
    socket.on("error", (error) => {
      this.#end ??= { kind: "socket-error", error };
    });
    socket.on("close", () => {
      this.#socketClosed();
    });
    const { signal } = this.#setup;
    if (socket.destroyed || signal?.aborted) {
      // Its events may have been before us.
      this.#end = signal?.aborted ? { kind: "ended-by-us" } : { kind: "closed" };
      socket.destroy();
      process.nextTick(() => {
        this.#socketClosed();
      });
      return;
    }
    signal?.addEventListener("abort", this.#aborted, { once: true });
    socket.write(Buffer.concat([own, Buffer.from("\r\n")]));
    if (socket.readableEnded) {
      // A FIN that was faster than whoever gave us the socket; its event is over.
      this.#peerEnded = true;
      this.#wake();
    }
    // A client need not wait to hear who it talks to; that saves one round trip. sshd waits, so a server must.
    if (this.role === "client") this.#exchange.begin();
  }

  readonly #aborted = (): void => {
    if (!this.#exchange.initial) return;
    this.destroy();
  };

  #arrived(chunk: Buffer): void {
    if (this.#end) return; // we linger so that the peer can read our last words; its own are not heard any more
    if (this.#identified) this.#reader.push(chunk);
    else this.#identify(chunk);
    this.#pump();
  }

  #identify(chunk: Buffer): void {
    const step = this.#identification.push(chunk);
    if (step.kind === "incomplete") return;
    this.#identified = true;
    this.#setup.onIdentification(step.line);
    if (step.kind === "refused") {
      this.#end = { kind: "protocol-error", message: step.message };
      closeRefused(this.#socket, step.answer, step.unread);
      return;
    }
    this.#peerIdentification = step.line;
    this.#exchange.peerIdentification = step.line;
    const quirks = quirksOf(step.software);
    this.#noRekey = quirks.noRekey;
    for (const kex of quirks.misunderstood)
      if (this.#setup.withheld.includes(kex)) this.#exchange.withdraw(kex);
    if (this.role === "server") this.#exchange.begin();
    this.#reader.push(step.rest);
  }

  /* ── Packets in ── */

  /** Whether the next packet may be looked at now. */
  get #mayRead(): boolean {
    if (this.#end || this.#computing || !this.#identified) return false;
    if (this.#pending > this.#marks.stopReading) return false;
    return this.#exchange.initial || (!this.#paused && this.#handler !== null);
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#outbox.cork();
    let last: TransportHandler | undefined;
    this.#guarded(() => {
      while (this.#mayRead) {
        // Before the login sshd writes what it has to say before it reads on; afterwards it gathers.
        if (this.role === "server" && !this.#authenticated) this.#outbox.flush();
        const bytes = this.#reader.next();
        if (!bytes) break;
        last = this.#dispatch(bytes) ?? last;
      }
      this.#rekeyIfDue();
    });
    this.#guarded(() => {
      // Also when the end has come in the middle: what was handed over before it is the handler's to finish.
      last?.batchEnd?.();
    });
    this.#pumping = false;
    this.#outbox.uncork();
    if (this.#peerEnded && (this.#mayRead || !this.#identified)) this.#peerClosed();
    this.#steerSocket();
  }

  /** Who was given it, if it was not for us. */
  #dispatch(bytes: Buffer): TransportHandler | undefined {
    const type = bytes[0] ?? 0;
    const { sequence } = this.#reader;
    if (type < LEAST_TYPE || (type >= LEAST_LOCAL_TYPE && !this.#knowsPings)) {
      const told = `Invalid ssh2 packet type: ${type}`;
      throw new ProtocolError(told, told);
    }
    const unwanted = type === MSG.IGNORE || type === MSG.UNIMPLEMENTED || type === MSG.DEBUG;
    if (unwanted && this.#exchange.initial && this.#exchange.strict)
      this.#exchange.unexpected(type, sequence);
    if (type <= MSG.DEBUG) {
      const end = readTransportMessage(bytes);
      if (end) this.#finish(end);
      else if (type === MSG.DEBUG && !this.#exchange.initial) {
        this.#handler?.debug?.(bytes, sequence);
        return this.#handler ?? undefined;
      }
      return undefined;
    }
    if (type === MSG.EXT_INFO) {
      this.#takeExtInfo(bytes, sequence);
      return undefined;
    }
    if (type > LAST_DISPATCHED) throw new ProtocolError(`a packet of type ${type}`);
    if ((type === MSG.PING || type === MSG.PONG) && !this.#isForHandler(bytes, sequence)) return undefined;
    if (this.#exchange.skips()) return undefined;
    if (type >= KEX_TYPES.first && type <= KEX_TYPES.last) {
      if (type === KEX_MSG.NEWKEYS && this.#exchange.strict) this.#reader.resetSequence();
      if (type === KEX_MSG.KEXINIT && this.#tooEarlyToRekey) {
        this.#exchange.unexpected(type, sequence);
        return undefined;
      }
      const step = this.#exchange.take(bytes, sequence);
      if (step) this.#wait(step);
      return undefined;
    }
    if (this.#exchange.initial) {
      // sshd has nobody yet for these and leaves without a word.
      if (type > KEX_TYPES.last)
        throw new ProtocolError(`a packet of type ${type} before the first key exchange`);
      this.#exchange.unexpected(type, sequence);
      return undefined;
    }
    const handler = this.#handler;
    if (!handler) throw new Error("a packet was read while nobody was attached");
    if (type === MSG.USERAUTH_SUCCESS && this.role === "client") this.#loggedIn();
    handler.payload(bytes, sequence);
    return handler;
  }

  #takeExtInfo(bytes: Buffer, sequence: number): void {
    const { role } = this.#setup;
    if (role.kind === "client") {
      // It may come as often as a server likes.
      if (!role.observer) return;
      const message = parseExtInfo(bytes);
      if (message.kind !== "malformed") role.observer.extensions(message.extensions);
      return;
    }
    if (this.#exchange.initial || this.#extInfoIsLate || !this.#exchange.wantsExtInfo || !this.#saysExtInfo) {
      // OpenSSH 9.2's server has no use for a client's and says so; later ones take one, of those who asked for theirs.
      this.#exchange.unexpected(bytes[0] ?? 0, sequence);
      return;
    }
    this.#extInfoIsLate = true;
    const message = parseExtInfo(bytes);
    if (message.kind === "malformed") throw new ProtocolError("malformed EXT_INFO");
    this.wantsExtInfoInAuth = message.extensions.some(({ name }) => name === EXT_INFO_IN_AUTH);
  }

  /** Whether we announce that a client's EXT_INFO is understood. */
  get #saysExtInfo(): boolean {
    return this.#setup.offer.kex.includes(EXT_INFO_SERVER);
  }

  get #knowsPings(): boolean {
    const { role } = this.#setup;
    return role.kind === "server" && role.pings;
  }

  /** A ping after the login: whoever answers what was said before it answers it too. sshd has no answer before that, and none to a PONG. */
  #isForHandler(bytes: Buffer, sequence: number): boolean {
    if (this.#exchange.initial && this.#exchange.strict) this.#exchange.unexpected(bytes[0] ?? 0, sequence);
    const reader = new Reader(bytes, 1);
    reader.string();
    if (reader.truncated) throw new ProtocolError("malformed PING or PONG");
    return bytes[0] === MSG.PING && this.#authenticated;
  }

  /** sshd takes no KEXINIT between the first key exchange and the login. */
  get #tooEarlyToRekey(): boolean {
    return this.role === "server" && !this.#exchange.initial && !this.#authenticated;
  }

  #loggedIn(): void {
    this.#authenticated = true;
    this.#outbox.expectBulk();
  }

  /** A step of the key exchange that takes its time, in which nothing is read. */
  #wait(step: Promise<void>): void {
    this.#computing = true;
    this.#outbox.cork();
    step
      .catch((error: unknown) => {
        this.#fail(error);
      })
      .finally(() => {
        this.#computing = false;
        this.#outbox.uncork();
        this.#pump();
      })
      .catch(() => undefined);
  }

  /** Looks at what is there, in a later turn: the caller is in the middle of something. */
  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    process.nextTick(() => {
      this.#waking = false;
      this.#guarded(() => {
        this.#drainIfDue();
      });
      this.#pump();
    });
  }

  #steerSocket(): void {
    const flow = this.#end !== undefined || !this.#identified || this.#mayRead;
    if (flow === this.#socket.isPaused()) {
      if (flow) this.#socket.resume();
      else this.#socket.pause();
    }
  }

  /* ── Packets out ── */

  get #marks() {
    return this.#authenticated ? AFTER_LOGIN : BEFORE_LOGIN;
  }

  get #pending(): number {
    return this.#outbox.pending + this.#held.bytes;
  }

  #write(payload: Uint8Array): void {
    this.#outbox.cork();
    this.#writer.write(payload);
    this.#outbox.uncork();
  }

  #hasRoom(): boolean {
    if (!this.#exchange.holdsBack && this.#pending <= this.#marks.backpressure) return true;
    this.#blocked = true;
    return false;
  }

  /** The socket has taken what it was given. */
  #written(): void {
    if (this.#end) return;
    this.#drainIfDue();
    if (this.#mayRead && this.#socket.isPaused()) this.#wake();
  }

  #drainIfDue(): void {
    if (!this.#blocked || !this.#handler || this.#exchange.holdsBack) return;
    if (this.#pending > this.#marks.backpressure / 2) return;
    this.#blocked = false;
    this.#handler.drain?.();
  }

  #rekeyIfDue(): void {
    if (!this.#authenticated || this.#noRekey || this.#end || !this.#exchange.idle) return;
    if (needNewKeys([this.#reader, this.#writer], this.#setup.rekey)) this.#exchange.begin();
  }

  /* ── What the key exchange asks for ── */

  sendNow(payload: Uint8Array): void {
    if (!this.#end) this.#write(payload);
  }

  newKeysOut(sealer: Sealer, agreed: Agreed, resetSequence: boolean): void {
    this.#writer.install(sealer, resetSequence);
    this.#compress("out", agreed);
    this.#held.release((payload) => {
      this.#writer.write(payload);
    });
    if (this.#blocked) this.#wake();
  }

  newKeysIn(opener: Opener, agreed: Agreed): void {
    this.#reader.install(opener);
    this.#compress("in", agreed);
  }

  finished(): void {
    this.#resolveEstablished();
  }

  /** A fresh stream, if compression was agreed on and may run: it waits for the login, and starts anew with new keys (RFC 4253 section 6.2). */
  #compress(direction: "in" | "out", agreed: Agreed = this.agreed): void {
    const toServer = (direction === "in") === (this.role === "server");
    const name = toServer ? agreed.compressionToServer : agreed.compressionToClient;
    const active = this.#authenticated && name === "zlib@openssh.com";
    if (direction === "in") this.#reader.inflateWith(active ? new Inflater() : undefined);
    else this.#writer.deflateWith(active ? new Deflater() : undefined);
  }

  /* ── Ends ── */

  /** Strangers' bytes and handlers' mistakes end this connection, never the process. */
  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#end) return;
    if (error instanceof ProtocolError) {
      if (error.tell !== undefined) this.#write(buildDisconnect(DISCONNECT_CODE.PROTOCOL_ERROR, error.tell));
      this.#finish({ kind: "protocol-error", message: error.message });
      return;
    }
    this.#defect = error;
    this.#finish({ kind: "socket-error", error: error instanceof Error ? error : new Error(String(error)) });
  }

  #peerClosed(): void {
    if (!this.#identified && this.#identification.partial.length > 0) {
      const seen = Buffer.from(this.#identification.partial);
      this.#guarded(() => {
        this.#setup.onIdentification(seen);
      });
    }
    this.#finish({ kind: "closed" });
  }

  /** Runs it at once, or when what a key exchange holds back has gone. */
  #afterHeld(then: () => void): void {
    if (this.#end || this.#held.closing) return;
    if (this.#held.afterwards(then)) return;
    const timer = setTimeout(() => {
      this.#finish({ kind: "ended-by-us" });
    }, LONGEST_HOLD).unref();
    // Else it would keep the whole connection in memory after its end.
    this.#socket.once("close", () => {
      clearTimeout(timer);
    });
  }

  /** The first end counts. What was sent leaves, then our side closes, and soon the whole socket. */
  #finish(end: TransportEnd): void {
    if (this.#end) return;
    this.#end = end;
    this.#outbox.flush();
    const leftUnread =
      end.kind === "protocol-error" && !this.#authenticated && this.#reader.waiting > READ_AT_ONCE;
    closeInOrder(this.#socket, end, leftUnread);
    this.#steerSocket();
  }

  #socketClosed(): void {
    this.#setup.signal?.removeEventListener("abort", this.#aborted);
    this.#end ??= { kind: "closed" };
    this.#outbox.close();
    this.#reader.close();
    this.#writer.close();
    this.#handler = null;
    this.#rejectEstablished(this.#defect ?? new TransportFailed(this.#end));
    this.#resolveClosed(this.#end);
  }
}
