/** The least that carries bytes over a transport: a server that lets everybody in and returns what it gets, and a client of such a thing. */
import {
  buildChannelOpen,
  buildChannelOpenConfirmation,
  parseChannelOpen,
  parseChannelOpenConfirmation,
} from "../../../gateway/ssh/messages/channel-open.ts";
import { buildChannelRequest, parseChannelRequest } from "../../../gateway/ssh/messages/channel-request.ts";
import {
  buildChannelData,
  buildChannelSignal,
  buildWindowAdjust,
  parseChannel,
} from "../../../gateway/ssh/messages/channel.ts";
import { buildServiceAccept } from "../../../gateway/ssh/messages/general.ts";
import { MSG } from "../../../gateway/ssh/messages/numbers.ts";
import { buildUserauthFailure, parseUserauthRequest } from "../../../gateway/ssh/messages/userauth.ts";
import { string, u32 } from "../../../gateway/ssh/messages/writer.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";

/** Of what we take; peers may send all of it at once. */
const WINDOW = 64 * 1024 * 1024;

/** Data that waits for the peer's window and for the transport. */
class Outgoing {
  window = 0;
  maxPacket = 0;
  recipient = 0;
  readonly #transport: Transport;
  #waiting = Buffer.alloc(0);
  #then: (() => void) | undefined;
  #room = true;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  push(data: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, data]);
    this.move();
  }

  /** Once everything has been sent. */
  finally(act: () => void): void {
    this.#then = act;
    this.move();
  }

  drained(): void {
    this.#room = true;
    this.move();
  }

  move(): void {
    while (this.#room && this.#waiting.length > 0 && this.window > 0) {
      const data = this.#waiting.subarray(0, Math.min(this.window, this.maxPacket, 32_000));
      this.#waiting = this.#waiting.subarray(data.length);
      this.window -= data.length;
      this.#room = this.#transport.send(buildChannelData(this.recipient, data));
    }
    if (this.#waiting.length > 0) return;
    const then = this.#then;
    this.#then = undefined;
    then?.();
  }
}

/** Lets everybody in (by anything but `none`, unless told), and returns what comes on each command's input. */
export function echoServer(transport: Transport, { none = true } = {}): void {
  const channels = new Map<number, Outgoing>();
  const payload = (bytes: Buffer, sequence: number): void => {
    switch (bytes[0]) {
      case MSG.SERVICE_REQUEST:
        transport.send(buildServiceAccept("ssh-userauth"));
        return;
      case MSG.USERAUTH_REQUEST: {
        const request = parseUserauthRequest(bytes);
        if (request.kind === "malformed") throw new Error("malformed request");
        if (request.method.toString() === "none" && !none) {
          transport.send(buildUserauthFailure(["password"]));
          return;
        }
        transport.send(Buffer.of(MSG.USERAUTH_SUCCESS));
        transport.startDelayedCompression();
        return;
      }
      case MSG.CHANNEL_OPEN: {
        const open = parseChannelOpen(bytes);
        if (open.kind === "malformed") throw new Error("malformed open");
        const out = new Outgoing(transport);
        Object.assign(out, { recipient: open.sender, window: open.window, maxPacket: open.maxPacket });
        channels.set(open.sender, out);
        transport.send(
          buildChannelOpenConfirmation({
            recipient: open.sender,
            sender: open.sender,
            window: WINDOW,
            maxPacket: 32_768,
          }),
        );
        return;
      }
      case MSG.CHANNEL_REQUEST: {
        const request = parseChannelRequest(bytes);
        if (request.kind === "malformed") throw new Error("malformed request");
        if (request.wantReply) transport.send(buildChannelSignal("channel-success", request.recipient));
        return;
      }
      case MSG.GLOBAL_REQUEST:
        return;
      default:
    }
    const type = bytes[0] ?? 0;
    if (type < MSG.CHANNEL_WINDOW_ADJUST || type > MSG.CHANNEL_FAILURE) {
      transport.sendUnimplemented(sequence);
      return;
    }
    const message = parseChannel(bytes);
    if (message.kind === "malformed") throw new Error("malformed channel message");
    const out = channels.get(message.recipient);
    if (!out) return;
    if (message.kind === "channel-window-adjust") {
      out.window += message.bytes;
      out.move();
    } else if (message.kind === "channel-data") {
      out.push(Buffer.from(message.data));
    } else if (message.kind === "channel-eof") {
      out.finally(() => {
        transport.send(buildChannelRequest(out.recipient, "exit-status", false, u32(0)));
        transport.send(buildChannelSignal("channel-eof", out.recipient));
        transport.send(buildChannelSignal("channel-close", out.recipient));
      });
    } else if (message.kind === "channel-close") channels.delete(message.recipient);
  };
  transport.attach({
    payload,
    drain: () => {
      for (const out of channels.values()) out.drained();
    },
  });
}

/** Runs `command` on a server that has let us in, gives it `data` for input, and resolves with its output. */
export function echoThrough(transport: Transport, command: string, data: Buffer): Promise<Buffer> {
  const out = new Outgoing(transport);
  const received: Buffer[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  void transport.closed.then((end) => {
    reject(new Error(`closed: ${JSON.stringify(end)}`));
  });
  transport.attach({
    payload(bytes) {
      switch (bytes[0]) {
        case MSG.CHANNEL_OPEN_CONFIRMATION: {
          const message = parseChannelOpenConfirmation(bytes);
          if (message.kind === "malformed") throw new Error("malformed confirmation");
          Object.assign(out, {
            recipient: message.sender,
            window: message.window,
            maxPacket: message.maxPacket,
          });
          transport.send(buildChannelRequest(message.sender, "exec", false, string(command)));
          out.push(data);
          out.finally(() => {
            transport.send(buildChannelSignal("channel-eof", message.sender));
          });
          return;
        }
        case MSG.CHANNEL_WINDOW_ADJUST:
        case MSG.CHANNEL_DATA:
        case MSG.CHANNEL_EXTENDED_DATA:
        case MSG.CHANNEL_CLOSE:
        case MSG.CHANNEL_OPEN_FAILURE: {
          if (bytes[0] === MSG.CHANNEL_OPEN_FAILURE) reject(new Error("no channel"));
          const message = parseChannel(bytes);
          if (message.kind === "channel-window-adjust") {
            out.window += message.bytes;
            out.move();
          } else if (message.kind === "channel-data") {
            received.push(Buffer.from(message.data));
            transport.send(buildWindowAdjust(out.recipient, message.data.length));
          } else if (message.kind === "channel-close") {
            transport.send(buildChannelSignal("channel-close", out.recipient));
            resolve(Buffer.concat(received));
          }
          return;
        }
        default:
      }
    },
    drain: () => {
      out.drained();
    },
  });
  transport.send(buildChannelOpen("session", { sender: 0, window: 2 * 1024 * 1024, maxPacket: 32_768 }));
  return promise;
}
