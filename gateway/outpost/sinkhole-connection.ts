import type { Socket } from "node:net";
import { TLSSocket, type SecureContext } from "node:tls";
import { toByteString, type ByteString } from "../model/bytes.ts";
import { MOST_FIRST_BYTES, type NetworkFact } from "../model/network-facts.ts";
import { SILENT, type Conversation, type Replies } from "./conversation.ts";
import type { LedAway } from "./flows.ts";
import { HttpConversation, isHttp } from "./http-conversation.ts";
import { SmtpConversation } from "./smtp-conversation.ts";

/** What a listener's port speaks. `open`: who connects speaks first, and what it says decides. */
export type Service = "open" | "smtp" | "smtps";

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly service: Service;
  readonly tls: SecureContext;
  /** What netfilter's log says of it, when it says so. */
  readonly ledAway: Promise<LedAway | undefined>;
  /** The host that we are, where it is known. */
  readonly hostAt: (address: string) => string | undefined;
  /** Once, when it is over or TELL_AFTER it began. */
  readonly tell: (
    seen: Pick<NetworkFact, "name" | "data" | "size">,
    ledAway: LedAway | undefined,
    port: number,
  ) => void;
}

/** Bounds of one connection: bytes, and milliseconds. */
const MOST_BYTES = 2 ** 20;
const IDLE = 30_000;
const LIFE = 120_000;
/** Told while it goes on, so that whoever watches hears of it; with what had come until then. */
const TELL_AFTER = 2000;
/** Who asks without ever reading is cut off. */
const MOST_UNREAD = 65_536;
/** Of what a client says before it is greeted. */
const MOST_EARLY = 16_384;
const LONGEST_NAME = 255;

/** Ports that stand for what was spoken, where the log did not tell the real one. */
const USUAL_PORTS = { smtp: 25, smtps: 465, tls: 443, http: 80 } as const;

/** One connection of a sandbox that was led to us: listens, answers what it knows, keeps the first bytes. */
export class SinkholeConnection {
  readonly #options: ConnectionOptions;
  readonly #life: NodeJS.Timeout;
  readonly #idle: NodeJS.Timeout;
  readonly #told: NodeJS.Timeout;
  /** The socket, or the TLS in it. */
  #stream: Socket;
  #conversation: Conversation | undefined;
  /** Bytes from which it cannot be told yet what is spoken. */
  #undecided: Buffer = Buffer.alloc(0);
  #port = 0;
  #name: ByteString | undefined;
  #first = new FirstBytes();
  #tellOnce: (() => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#stream = options.socket;
    this.#tellOnce = () => {
      const { first, size } = this.#first;
      // The log may be a moment late for a connection that was short.
      void options.ledAway.then((ledAway) => {
        options.tell(
          {
            ...(this.#name === undefined ? {} : { name: this.#name }),
            ...(first.length === 0 ? {} : { data: toByteString(first) }),
            size,
          },
          ledAway,
          this.#port,
        );
      });
    };
    this.#life = setTimeout(() => {
      this.destroy();
    }, LIFE);
    this.#idle = setTimeout(() => {
      this.destroy();
    }, IDLE);
    this.#told = setTimeout(() => {
      this.#tell();
    }, TELL_AFTER);
    options.socket.once("close", () => {
      for (const timer of [this.#life, this.#idle, this.#told]) clearTimeout(timer);
      this.#tell();
    });
    options.socket.on("error", () => undefined);
    this.#begin();
  }

  destroy(): void {
    this.#options.socket.destroy();
  }

  #begin(): void {
    const { service } = this.#options;
    if (service === "smtps") {
      this.#port = USUAL_PORTS.smtps;
      this.#wrap(() => {
        void this.#serveMail();
      });
      return;
    }
    if (service === "smtp") {
      this.#port = USUAL_PORTS.smtp;
      void this.#serveMail();
    }
    this.#listen();
  }

  #listen(): void {
    this.#stream.on("data", (chunk: Buffer) => {
      this.#idle.refresh();
      this.#first.take(chunk);
      if (this.#first.size > MOST_BYTES) {
        this.destroy();
        return;
      }
      if (this.#conversation) this.#conversation.take(chunk);
      else this.#decide(Buffer.concat([this.#undecided, chunk]));
    });
  }

  /** What does the client speak, if it is the one to begin? */
  #decide(bytes: Buffer): void {
    if (this.#options.service !== "open") {
      // Mail, whose greeting is not out yet: a client that does not wait for it is heard after it.
      this.#undecided = bytes.subarray(0, MOST_EARLY);
      return;
    }
    const insideTls = this.#stream !== this.#options.socket;
    if (!insideTls && bytes[0] === 0x16 && (bytes.length < 2 || bytes[1] === 3)) {
      if (bytes.length < 2) {
        this.#undecided = bytes;
        return;
      }
      this.#port = USUAL_PORTS.tls;
      this.#undecided = Buffer.alloc(0);
      this.#wrap(() => undefined, bytes);
      return;
    }
    const http = isHttp(bytes);
    if (http === undefined) {
      this.#undecided = bytes;
      return;
    }
    if (http && !insideTls) this.#port = USUAL_PORTS.http;
    this.#conversation = http ? new HttpConversation(this.#replies()) : SILENT;
    this.#undecided = Buffer.alloc(0);
    this.#conversation.take(bytes);
  }

  /**
   * Goes on inside TLS. Once something is heard there, it replaces what was heard before as the first bytes: what a program says
   * is worth more than its handshake.
   *
   * @param begun bytes of the handshake that were read already
   */
  #wrap(then: () => void, begun?: Buffer): void {
    const { socket, tls } = this.#options;
    socket.removeAllListeners("data");
    socket.pause();
    if (begun) socket.unshift(begun);
    const inner = new TLSSocket(socket, {
      isServer: true,
      secureContext: tls,
      // Asked while the client's hello is read, so a client that then refuses our certificate has told us its name.
      SNICallback: (name, done) => {
        this.#named(toByteString(Buffer.from(name, "utf8")));
        done(null, tls);
      },
    });
    this.#stream = inner;
    this.#conversation = undefined;
    inner.on("error", () => socket.destroy());
    inner.once("close", () => socket.destroy());
    inner.once("data", () => {
      this.#first = new FirstBytes();
    });
    this.#listen();
    then();
  }

  /** The banner names the host that was wanted; whom that was, the log says. */
  async #serveMail(): Promise<void> {
    const stream = this.#stream;
    const insideTls = stream !== this.#options.socket;
    const ledAway = await this.#options.ledAway;
    if (stream !== this.#stream || stream.destroyed) return;
    const asked = ledAway && this.#options.hostAt(ledAway.to.address);
    const mail = new SmtpConversation(this.#name ?? asked ?? "mail", this.#replies());
    this.#conversation = mail;
    // After STARTTLS it is the client that goes on.
    if (!insideTls || this.#options.service === "smtps") mail.greet();
    const early = this.#undecided;
    this.#undecided = Buffer.alloc(0);
    if (early.length > 0) mail.take(early);
  }

  #replies(): Replies {
    const stream = this.#stream;
    return {
      send: (text) => {
        if (stream.destroyed || stream.writableEnded) return;
        stream.write(text, "latin1");
        if (stream.writableLength > MOST_UNREAD) this.destroy();
      },
      end: () => stream.end(),
      named: (name) => {
        this.#named(name);
      },
      startTls:
        stream === this.#options.socket
          ? () => {
              this.#wrap(() => {
                void this.#serveMail();
              });
            }
          : undefined,
    };
  }

  /** The first name counts: that of the TLS around the request, if there is one. */
  #named(name: ByteString): void {
    if (name !== "") this.#name ??= name.slice(0, LONGEST_NAME) as ByteString;
  }

  #tell(): void {
    const tell = this.#tellOnce;
    this.#tellOnce = undefined;
    tell?.();
  }
}

/** The beginning of a stream, and its length. */
class FirstBytes {
  first: Buffer = Buffer.alloc(0);
  size = 0;

  take(chunk: Buffer): void {
    if (this.first.length < MOST_FIRST_BYTES)
      this.first = Buffer.concat([this.first, chunk.subarray(0, MOST_FIRST_BYTES - this.first.length)]);
    this.size += chunk.length;
  }
}
