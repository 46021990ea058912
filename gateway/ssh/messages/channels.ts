import type { Origin } from "../../model/entries.ts";
import { MSG } from "./numbers.ts";

/** Channels of one session that are told apart at once, as many as sshd has (`CHANNELS_MAX_CHANNELS`). More are counted, but their payloads belong to "no channel". */
const MOST_LIVE = 16_384;

interface Channel {
  readonly ordinal: number;
  readonly opener: Origin;
  /** The opener's number, and the other side's once it confirmed. */
  readonly openerNumber: number;
  otherNumber: number;
  closedBy: Origin | "both" | undefined;
  /** The next open with the same number from the same side that is not answered yet; no honest peer makes one. */
  nextPending: Channel | undefined;
}

/**
 * Tells to which channel of a session each payload belongs. Channel numbers are chosen by each side for itself and used again
 * after a close; the ordinal counts the opens of the session, of either side, from 1, and stays unique.
 *
 * It must see every payload of types 80 to 100 in the order of the relay. Each takes constant time and nothing is allocated but for an open.
 */
export class ChannelLedger {
  #opened = 0;
  #live = 0;
  /** Channels by the number that the named side gave them: what the *other* side's messages carry as recipient. */
  readonly #byNumber: Record<Origin, Map<number, Channel>> = { downstream: new Map(), upstream: new Map() };
  readonly #pending: Record<Origin, Map<number, PendingQueue>> = {
    downstream: new Map(),
    upstream: new Map(),
  };

  /** How many channels were opened so far. */
  get opened(): number {
    return this.#opened;
  }

  /** How many are open, or were asked for and are not answered yet. */
  get live(): number {
    return this.#live;
  }

  /** The channel's ordinal, or 0 for global messages, for numbers that name no channel, and for what is too short to name one. */
  ordinal(from: Origin, payload: Buffer): number {
    const type = payload[0] ?? 0;
    if (type < MSG.CHANNEL_OPEN || type > MSG.CHANNEL_FAILURE || payload.length < 5) return 0;
    switch (type) {
      case MSG.CHANNEL_OPEN:
        return this.#open(from, payload);
      case MSG.CHANNEL_OPEN_CONFIRMATION:
        return this.#confirm(from, payload);
      case MSG.CHANNEL_OPEN_FAILURE:
        return this.#fail(from, payload.readUInt32BE(1));
      default: {
        const channel = this.#byNumber[other(from)].get(payload.readUInt32BE(1));
        if (channel === undefined) return 0;
        if (type === MSG.CHANNEL_CLOSE) this.#close(channel, from);
        return channel.ordinal;
      }
    }
  }

  #open(from: Origin, payload: Buffer): number {
    const at = 5 + payload.readUInt32BE(1);
    if (at + 4 > payload.length) return 0;
    const openerNumber = payload.readUInt32BE(at);
    const ordinal = ++this.#opened;
    if (this.#live >= MOST_LIVE) return ordinal;
    this.#live++;
    const channel: Channel = {
      ordinal,
      opener: from,
      openerNumber,
      otherNumber: -1,
      closedBy: undefined,
      nextPending: undefined,
    };
    const queue = this.#pending[from].get(openerNumber);
    if (queue === undefined) this.#pending[from].set(openerNumber, { first: channel, last: channel });
    else {
      queue.last.nextPending = channel;
      queue.last = channel;
    }
    return ordinal;
  }

  #confirm(from: Origin, payload: Buffer): number {
    if (payload.length < 9) return 0;
    const channel = this.#takePending(other(from), payload.readUInt32BE(1));
    if (channel === undefined) return 0;
    channel.otherNumber = payload.readUInt32BE(5);
    this.#name(channel.opener, channel.openerNumber, channel);
    this.#name(from, channel.otherNumber, channel);
    return channel.ordinal;
  }

  /** A number that is in use already is given to the newcomer; only a peer that breaks the protocol does that. */
  #name(side: Origin, number: number, channel: Channel): void {
    const numbers = this.#byNumber[side];
    const before = numbers.get(number);
    numbers.set(number, channel);
    if (before === undefined || before === channel) return;
    const stillNamed =
      this.#byNumber[before.opener].get(before.openerNumber) === before ||
      this.#byNumber[other(before.opener)].get(before.otherNumber) === before;
    if (!stillNamed) this.#live--;
  }

  #fail(from: Origin, number: number): number {
    const channel = this.#takePending(other(from), number);
    if (channel === undefined) return 0;
    this.#live--;
    return channel.ordinal;
  }

  /** Opens with one number are answered in their order. */
  #takePending(opener: Origin, number: number): Channel | undefined {
    const queue = this.#pending[opener].get(number);
    if (queue === undefined) return undefined;
    const channel = queue.first;
    if (channel.nextPending === undefined) this.#pending[opener].delete(number);
    else queue.first = channel.nextPending;
    channel.nextPending = undefined;
    return channel;
  }

  #close(channel: Channel, from: Origin): void {
    channel.closedBy = channel.closedBy === undefined || channel.closedBy === from ? from : "both";
    if (channel.closedBy !== "both") return;
    this.#live--;
    this.#forget(channel.opener, channel.openerNumber, channel);
    this.#forget(other(channel.opener), channel.otherNumber, channel);
  }

  #forget(side: Origin, number: number, channel: Channel): void {
    if (this.#byNumber[side].get(number) === channel) this.#byNumber[side].delete(number);
  }
}

interface PendingQueue {
  first: Channel;
  last: Channel;
}

function other(side: Origin): Origin {
  return side === "downstream" ? "upstream" : "downstream";
}
