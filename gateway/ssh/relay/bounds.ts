import type { Origin } from "../../model/entries.ts";
import { buildChannelOpenFailure, parseChannelOpen } from "../messages/channel-open.ts";
import { ChannelLedger } from "../messages/channels.ts";
import { MSG } from "../messages/numbers.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What one connection may have and ask for. */
export interface RelayBounds {
  /** Channels open at once, whoever opened them. */
  readonly channels: number;
  /** The client's messages a second, data and window adjustments not counted. */
  readonly requestsPerSecond: number;
}

/** Seconds' worth of requests that may come at once: a client that starts up asks for much in one go. */
const BURST = 5;

/** SSH_OPEN_CONNECT_FAILED (RFC 4254 section 5.1). */
const CONNECT_FAILED = 2;

/** Keeps one connection within its bounds. It sees what passes the relay, in order, and looks only at what is no data. */
export class Bounds {
  readonly #channels: number;
  readonly #ledger = new ChannelLedger();
  readonly #requests: TokenBucket;

  constructor({ channels, requestsPerSecond }: RelayBounds) {
    this.#channels = channels;
    this.#requests = new TokenBucket(requestsPerSecond, BURST * requestsPerSecond);
  }

  /** False: the client asks for more than it may. */
  allowsRequest(payload: Buffer): boolean {
    return isData(payload) || this.#requests.take();
  }

  /**
   * The answer to one that opens a channel beyond the bound, which must not be passed on; undefined for all else. sshd says the
   * same when it cannot open one itself (`server_input_channel_open`).
   */
  refusal(from: Origin, payload: Buffer): Buffer | undefined {
    if (isData(payload)) return undefined;
    if (payload[0] === MSG.CHANNEL_OPEN && this.#ledger.live >= this.#channels) {
      const open = parseChannelOpen(payload);
      if (open.kind === "channel-open")
        return buildChannelOpenFailure(open.sender, CONNECT_FAILED, "open failed");
    }
    this.#ledger.ordinal(from, payload);
    return undefined;
  }
}

function isData(payload: Buffer): boolean {
  const type = payload[0];
  return (
    type === MSG.CHANNEL_DATA || type === MSG.CHANNEL_WINDOW_ADJUST || type === MSG.CHANNEL_EXTENDED_DATA
  );
}
