import type { Modulus } from "../../model/persona.ts";
import { Reader } from "../messages/reader.ts";
import { payload, string } from "../messages/writer.ts";
import { parsePublicKey, verifySignature } from "../userauth/public-key.ts";
import { agree, EXT_INFO_CLIENT, guessWasRight, STRICT_CLIENT, STRICT_SERVER } from "./algorithms.ts";
import type { Opener, Sealer } from "./ciphers/direction.ts";
import { openerFor, sealerFor } from "./ciphers/table.ts";
import { ProtocolError } from "./failures.ts";
import { algorithmsOf, signWith, type HostKey } from "./host-key.ts";
import {
  asMpint,
  directionKeys,
  exchangeHash,
  type ExchangeTranscript,
  type KeySource,
} from "./key-derivation.ts";
import type { KexAnswerer, KexSide, KexStep } from "./kex/method.ts";
import { kexMethod } from "./kex/methods.ts";
import { buildKexInit, parseKexInit, type KexInit } from "./kexinit.ts";
import { KEX_MSG } from "./numbers.ts";
import type { ServerObserver } from "./options.ts";
import type { Agreed } from "./transport.ts";

/** What differs between the two roles. */
export type ExchangeRole =
  | {
      readonly kind: "server";
      readonly hostKeys: readonly HostKey[];
      /** For group exchange. */
      readonly moduli: readonly Modulus[];
      /** SSH_MSG_EXT_INFO, sent once to a client that asks for it (RFC 8308); undefined: none. */
      readonly extInfo: Buffer | undefined;
      /** Whether pings are known. */
      readonly pings: boolean;
      /** Before anything is done about a client's first offer. */
      readonly onOffer: (offer: KexInit, agreed: Agreed | undefined) => void;
    }
  | {
      readonly kind: "client";
      /** Keys that the server may have, in wire form. */
      readonly expected: readonly Buffer[] | "any";
      readonly observer: ServerObserver | undefined;
    };

/** What a key exchange does to its connection. */
export interface ExchangeWire {
  /** The connection has ended. */
  readonly over: boolean;
  /** Past what is held back. */
  sendNow(payload: Uint8Array): void;
  sendUnimplemented(sequence: number): void;
  newKeysOut(sealer: Sealer, agreed: Agreed, resetSequence: boolean): void;
  newKeysIn(opener: Opener, agreed: Agreed): void;
  /** Both directions have their keys. */
  finished(): void;
}

/** One exchange under way. */
interface Running {
  ownInit?: { readonly payload: Buffer; readonly offer: KexInit };
  peerInit?: { readonly payload: Buffer; readonly offer: KexInit };
  agreed?: Agreed;
  /** The server's half. */
  answerer?: KexAnswerer;
  /** The client's half, between its INIT and the REPLY. */
  side?: KexSide;
  keys?: KeySource;
  newKeysSent?: boolean;
}

/** The first key exchange and those that follow it, in either role (RFC 4253 sections 7 to 9). */
export class KeyExchange {
  /** Until the first NEWKEYS came. */
  initial = true;
  /** Both sides understand strict key exchange (OpenSSH's PROTOCOL, section 1.10). */
  strict = false;
  /** The client asked for EXT_INFO in its first offer. */
  wantsExtInfo = false;
  sessionId: Buffer | undefined;
  agreed: Agreed | undefined;
  readonly #role: ExchangeRole;
  readonly #wire: ExchangeWire;
  readonly #identifications: { own: Buffer; peer: Buffer };
  #offer: KexInit;
  #running: Running = {};
  #skipNext = false;

  constructor(role: ExchangeRole, wire: ExchangeWire, ownIdentification: Buffer, offer: KexInit) {
    this.#role = role;
    this.#wire = wire;
    this.#identifications = { own: ownIdentification, peer: Buffer.alloc(0) };
    this.#offer = offer;
  }

  set peerIdentification(line: Buffer) {
    this.#identifications.peer = line;
  }

  withdraw(kex: string): void {
    this.#offer = { ...this.#offer, kex: this.#offer.kex.filter((name) => name !== kex) };
  }

  /** From our KEXINIT to our NEWKEYS nothing but key exchange may be sent. */
  get holdsBack(): boolean {
    return this.#running.ownInit !== undefined && this.#running.newKeysSent !== true;
  }

  get idle(): boolean {
    return this.#running.ownInit === undefined;
  }

  /** Sends our KEXINIT unless an exchange is under way. */
  begin(): void {
    if (this.#running.ownInit) return;
    const bytes = buildKexInit(this.#offer);
    this.#running.ownInit = { payload: bytes, offer: this.#offer };
    this.#wire.sendNow(bytes);
  }

  /** Whether the packet just read is the one that the peer sent on a wrong guess (RFC 4253 section 7). */
  skips(): boolean {
    const skip = this.#skipNext;
    this.#skipNext = false;
    return skip;
  }

  /** A payload of types 20 to 49. While the promise is pending, no further packet may be read. */
  take(bytes: Buffer, sequence: number): Promise<void> | undefined {
    const { peerInit, agreed, newKeysSent, side, answerer } = this.#running;
    switch (bytes[0]) {
      case KEX_MSG.KEXINIT:
        if (peerInit) break;
        return this.#takeKexInit(Buffer.from(bytes), sequence);
      case KEX_MSG.NEWKEYS:
        if (newKeysSent) {
          this.#takeNewKeys(bytes);
          return undefined;
        }
        break;
      default:
        if (!agreed || newKeysSent) break;
        if (this.#role.kind === "server") {
          const step = answerer?.take(Buffer.from(bytes));
          if (step) return this.#answer(this.#role, step, agreed);
        } else if (side && bytes[0] === KEX_MSG.REPLY) {
          return this.#takeReply(this.#role, Buffer.from(bytes), agreed, side);
        }
    }
    this.unexpected(bytes[0] ?? 0, sequence);
    return undefined;
  }

  /** As OpenSSH's `kex_protocol_error`. */
  unexpected(type: number, sequence: number): void {
    if (this.initial && this.strict) {
      const told = `strict KEX violation: unexpected packet type ${type} (seqnr ${sequence})`;
      throw new ProtocolError(told, told);
    }
    this.#wire.sendUnimplemented(sequence);
  }

  #takeKexInit(bytes: Buffer, sequence: number): Promise<void> | undefined {
    const { offer, guessFollows } = parseKexInit(bytes);
    this.begin();
    const own = this.#running.ownInit;
    if (!own) throw new Error("no KEXINIT of our own");
    this.#running.peerInit = { payload: bytes, offer };
    const server = this.#role.kind === "server";
    const [client, serverOffer] = server ? [offer, own.offer] : [own.offer, offer];
    const result = agree(client, serverOffer);
    if (this.initial) {
      if (this.#role.kind === "server") this.#role.onOffer(offer, result.agreed);
      else this.#role.observer?.offer(offer);
      this.strict =
        offer.kex.includes(server ? STRICT_CLIENT : STRICT_SERVER) &&
        own.offer.kex.includes(server ? STRICT_SERVER : STRICT_CLIENT);
      this.wantsExtInfo = server && offer.kex.includes(EXT_INFO_CLIENT);
      if (this.strict && sequence !== 0) {
        const told = "strict KEX violation: KEXINIT was not the first packet";
        throw new ProtocolError(told, told);
      }
    }
    if (!result.agreed) throw new ProtocolError(result.problem);
    this.#running.agreed = result.agreed;
    if (guessFollows && !guessWasRight(client, serverOffer)) this.#skipNext = true;
    if (this.#role.kind === "client") return this.#ask(result.agreed);
    const { moduli } = this.#role;
    this.#running.answerer = kexMethod(result.agreed.kex).answer({ moduli, isOver: () => this.#wire.over });
    return undefined;
  }

  async #ask(agreed: Agreed): Promise<void> {
    const side = await kexMethod(agreed.kex).start?.();
    if (!side) throw new Error(`${agreed.kex} is not for clients`);
    this.#running.side = side;
    this.#wire.sendNow(payload(KEX_MSG.INIT, string(side.publicValue)));
  }

  async #answer(
    role: ExchangeRole & { kind: "server" },
    answering: Promise<KexStep>,
    agreed: Agreed,
  ): Promise<void> {
    const hostKey = role.hostKeys.find(({ type }) => algorithmsOf(type).includes(agreed.hostKey));
    if (!hostKey) throw new Error(`no host key for ${agreed.hostKey}`);
    const step = await answering;
    if (step.kind === "say") {
      this.#wire.sendNow(step.payload);
      return;
    }
    const { hash } = kexMethod(agreed.kex);
    const { publicValue, exchanged, secret, reply } = step;
    const hashed = exchangeHash(hash, this.#transcript({ hostKey: hostKey.publicBlob, exchanged, secret }));
    const signature = await signWith(hostKey, agreed.hostKey, hashed);
    this.#wire.sendNow(payload(reply, string(hostKey.publicBlob), string(publicValue), string(signature)));
    this.#sendNewKeys({ hash, secret, exchangeHash: hashed }, agreed);
    if (this.initial && this.wantsExtInfo && role.extInfo) this.#wire.sendNow(role.extInfo);
  }

  async #takeReply(
    role: ExchangeRole & { kind: "client" },
    bytes: Buffer,
    agreed: Agreed,
    side: KexSide,
  ): Promise<void> {
    const reader = new Reader(bytes, 1);
    const hostKey = reader.string();
    const serverValue = reader.string();
    const signature = reader.string();
    if (!reader.complete) throw new ProtocolError("malformed key exchange REPLY");
    if (role.expected !== "any" && !role.expected.some((expected) => expected.equals(hostKey)))
      throw new ProtocolError("the server's host key is not the one expected");
    const method = kexMethod(agreed.kex);
    const secret = asMpint(await side.secret(serverValue));
    const hash = exchangeHash(
      method.hash,
      this.#transcript({
        hostKey,
        exchanged: Buffer.concat([string(side.publicValue), string(serverValue)]),
        secret,
      }),
    );
    const key = parsePublicKey(agreed.hostKey, hostKey);
    if (!key || !verifySignature(key, agreed.hostKey, hash, signature))
      throw new ProtocolError("the server's signature does not verify");
    role.observer?.hostKey(Buffer.from(hostKey));
    this.#sendNewKeys({ hash: method.hash, secret, exchangeHash: hash }, agreed);
  }

  #transcript(of: Pick<ExchangeTranscript, "hostKey" | "exchanged" | "secret">): ExchangeTranscript {
    const { own, peer } = this.#identifications;
    const ownInit = this.#running.ownInit?.payload ?? Buffer.alloc(0);
    const peerInit = this.#running.peerInit?.payload ?? Buffer.alloc(0);
    return this.#role.kind === "server"
      ? {
          clientIdentification: peer,
          serverIdentification: own,
          clientKexInit: peerInit,
          serverKexInit: ownInit,
          ...of,
        }
      : {
          clientIdentification: own,
          serverIdentification: peer,
          clientKexInit: ownInit,
          serverKexInit: peerInit,
          ...of,
        };
  }

  #sendNewKeys(secrets: Omit<KeySource, "sessionId">, agreed: Agreed): void {
    this.sessionId ??= secrets.exchangeHash;
    const keys = { ...secrets, sessionId: this.sessionId };
    this.#running.keys = keys;
    this.#wire.sendNow(Buffer.of(KEX_MSG.NEWKEYS));
    const sealer =
      this.#role.kind === "server"
        ? sealerFor(
            agreed.cipherToClient,
            agreed.macToClient,
            directionKeys(keys, "toClient", agreed.cipherToClient, agreed.macToClient),
          )
        : sealerFor(
            agreed.cipherToServer,
            agreed.macToServer,
            directionKeys(keys, "toServer", agreed.cipherToServer, agreed.macToServer),
          );
    this.#running.newKeysSent = true;
    this.#wire.newKeysOut(sealer, agreed, this.strict);
  }

  #takeNewKeys(bytes: Buffer): void {
    const { keys, agreed } = this.#running;
    if (!keys || !agreed) throw new Error("NEWKEYS without keys");
    if (bytes.length !== 1) throw new ProtocolError("malformed NEWKEYS");
    const opener =
      this.#role.kind === "server"
        ? openerFor(
            agreed.cipherToServer,
            agreed.macToServer,
            directionKeys(keys, "toServer", agreed.cipherToServer, agreed.macToServer),
          )
        : openerFor(
            agreed.cipherToClient,
            agreed.macToClient,
            directionKeys(keys, "toClient", agreed.cipherToClient, agreed.macToClient),
          );
    this.#running = {};
    this.initial = false;
    this.agreed = agreed;
    this.#wire.newKeysIn(opener, agreed);
    this.#wire.finished();
  }
}
