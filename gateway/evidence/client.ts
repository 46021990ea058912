import type { ByteString } from "../model/bytes.ts";
import type { Entry, KeyExchange, PacketEntry } from "../model/entries.ts";
import type { ChannelRequest } from "../ssh/messages/channel-request.ts";
import { parseConnectionMessage } from "../ssh/messages/message.ts";
import { MSG } from "../ssh/messages/numbers.ts";
import { parseTerminalModes, type TerminalMode } from "../ssh/messages/terminal-modes.ts";
import { AttemptsObserver, type ClientAttempts } from "./client-attempts.ts";
import { KeysObserver } from "./client-keys.ts";
import { judgeTypist, TYPIST_RULES, type Rhythm, type Typist, type TypistRule } from "./client-typist.ts";
import { isShell } from "./exec-kind.ts";
import type { Observation, Offered } from "./observation.ts";

/** What a session tells of the program at its other end, and of who sat before it. */
export interface Client {
  readonly version?: ByteString;
  readonly hassh?: string;
  /** What it offered, in its order, and what was agreed. */
  readonly algorithms?: KeyExchange["offer"];
  readonly agreed?: NonNullable<KeyExchange["agreed"]>;
  readonly attempts: ClientAttempts;
  /** Keys that were shown, in their order. */
  readonly keys: readonly Omit<Offered, "kind">[];
  readonly terminals: readonly ClientTerminal[];
  readonly environment: readonly {
    readonly channel: number;
    readonly name: ByteString;
    readonly value: ByteString;
  }[];
  readonly typist: Typist;
  /** By which of TYPIST_RULES. */
  readonly typistRule: TypistRule;
  readonly rhythm: Rhythm;
}

export interface ClientTerminal {
  readonly channel: number;
  readonly term: ByteString;
  readonly columns: number;
  readonly rows: number;
  readonly modes: readonly TerminalMode[];
}

const MOST_KEYS = 256;
const MOST_TERMINALS = 64;
const MOST_VARIABLES = 256;

/** Gathers what a session tells of its client while its entries pass, in bounded memory. */
export class ClientObserver {
  readonly #attempts = new AttemptsObserver();
  readonly #keysTyped = new KeysObserver();
  readonly #keys: Omit<Offered, "kind">[] = [];
  readonly #terminals = new Map<number, ClientTerminal>();
  readonly #environment: { channel: number; name: ByteString; value: ByteString }[] = [];
  #version: ByteString | undefined;
  #exchange: KeyExchange | undefined;

  entry(entry: Entry): void {
    if (entry.type === "packet") this.#packet(entry);
    else if (entry.fact.kind === "attempt" && entry.fact.method !== "none")
      this.#attempts.asked(milliseconds(entry.at));
    else if (entry.fact.kind === "answer") this.#attempts.answered(milliseconds(entry.at));
  }

  observed(one: Observation): void {
    switch (one.kind) {
      case "client-version":
        this.#version = one.version;
        return;
      case "key-exchange":
        this.#exchange = one;
        return;
      case "tried":
        this.#attempts.tried(one);
        return;
      case "key-offered": {
        const { user, algorithm, blob, fingerprintMd5, fingerprintSha256 } = one;
        if (this.#keys.length < MOST_KEYS)
          this.#keys.push({ user, algorithm, blob, fingerprintMd5, fingerprintSha256 });
        return;
      }
      case "variable": {
        const { channel, name, value } = one;
        if (this.#environment.length < MOST_VARIABLES) this.#environment.push({ channel, name, value });
        return;
      }
      default:
        return;
    }
  }

  get client(): Client {
    const rhythm = this.#keysTyped.rhythm;
    const typistRule = judgeTypist(rhythm);
    const { hassh, offer, agreed } = this.#exchange ?? {};
    return {
      ...(this.#version === undefined ? {} : { version: this.#version }),
      ...(hassh === undefined ? {} : { hassh }),
      ...(offer === undefined ? {} : { algorithms: offer }),
      ...(agreed === undefined ? {} : { agreed }),
      attempts: this.#attempts.attempts,
      keys: this.#keys,
      terminals: [...this.#terminals.values()],
      environment: this.#environment,
      typist: TYPIST_RULES[typistRule].typist,
      typistRule,
      rhythm,
    };
  }

  /** Bulk passes by unparsed: only requests, and the data of shells in terminals, are looked at. */
  #packet({ from, channel, payload, at }: PacketEntry): void {
    const type = payload[0];
    if (type === MSG.CHANNEL_REQUEST && from === "downstream") {
      const message = parseConnectionMessage(payload);
      if (message.kind === "channel-request") this.#request(channel, message);
    } else if (type === MSG.CHANNEL_DATA && this.#keysTyped.watches(channel)) {
      if (from === "upstream") this.#keysTyped.output(channel, milliseconds(at));
      // After the type, the channel's number and the length.
      else this.#keysTyped.input(channel, milliseconds(at), payload.subarray(9));
    }
  }

  #request(channel: number, { request }: ChannelRequest): void {
    if (request.kind === "pty-req" && this.#terminals.size < MOST_TERMINALS) {
      const { columns, rows } = request.size;
      const modes = parseTerminalModes(request.modes).slice(0, MOST_MODES);
      this.#terminals.set(channel, { channel, term: request.term, columns, rows, modes });
    } else if (this.#terminals.has(channel)) {
      if (request.kind === "shell" || (request.kind === "exec" && isShell(request.command)))
        this.#keysTyped.begin(channel);
    }
  }
}

const MOST_MODES = 160;

function milliseconds(at: bigint): number {
  return Number(at) / 1e6;
}
