import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostKeyFile } from "../model/persona.ts";
import type { WayToSandbox } from "../model/front-messages.ts";
import { MitsubakoError } from "../model/errors.ts";
import { connectTransport } from "../ssh/transport/connect.ts";
import { TransportFailed } from "../ssh/transport/failures.ts";
import type { Transport } from "../ssh/transport/transport.ts";
import { UpstreamLogin } from "../ssh/userauth/upstream.ts";

/**
 * Milliseconds, all tries together. A sandbox was ready before it was handed out, and one hop away; but a hundred at once keep its sshd,
 * on two cores, busy with key exchanges for half a minute. Longer than this it is broken.
 */
const CONNECT_DEADLINE = 60_000;
/**
 * Milliseconds after a way was given in which a connection by it may still be begun. What shows the attacker in our place is kept for
 * PATH_LIFE seconds (firewall/rule-figures.ts) and asked for each connection anew.
 */
export const LAST_BEGINNING = 15_000;
/** Milliseconds between two tries: the least, and what chance adds, so that those who wait do not come at the same time. */
const PAUSE = { least: 50, spread: 200 };

/** The leg from the gateway to a session's sandbox: one connection, on which every attempt of the session is tried. */
export class UpstreamLeg implements Disposable {
  readonly #hostKeys: readonly HostKeyFile[];
  readonly #signal: AbortSignal;
  #way: WayToSandbox | undefined;
  #reached: Promise<{ transport: Transport; login: UpstreamLogin }> | undefined;
  #socket: Socket | undefined;

  /** What the sandbox's sshd is told: the attacker's own line once it is known, so that it treats old clients as it would. */
  identification = "SSH-2.0-OpenSSH_9.2p1";

  constructor(hostKeys: readonly HostKeyFile[], signal: AbortSignal) {
    this.#hostKeys = hostKeys;
    this.#signal = signal;
  }

  /**
   * The connection to that sandbox, made at the first call.
   *
   * @throws MitsubakoError `no-sandbox` when its sshd cannot be reached, as when its owner stopped it.
   */
  reach(way: WayToSandbox): Promise<{ transport: Transport; login: UpstreamLogin }> {
    if (this.#way?.sandbox !== way.sandbox) {
      this.#socket?.destroy();
      this.#way = way;
      this.#reached = this.#connect(way);
      // Whoever awaits it handles a failure; a connection made ahead of time may have nobody yet.
      this.#reached.catch(() => undefined);
    }
    return this.#reached ?? this.#connect(way);
  }

  /**
   * A sandbox's sshd drops connections as any does when many are not logged in yet (MaxStartups), some by chance, and whoever has a
   * sandbox is to get into it: such a connection is made again.
   */
  async #connect(way: WayToSandbox): Promise<{ transport: Transport; login: UpstreamLogin }> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(CONNECT_DEADLINE)]);
    const given = performance.now();
    for (;;) {
      try {
        const transport = await this.#tryToConnect(way, signal);
        return { transport, login: new UpstreamLogin(transport) };
      } catch (cause) {
        if (!isDropped(cause) || signal.aborted) throw unreachable(cause);
      }
      const pause = PAUSE.least + Math.random() * PAUSE.spread;
      const isOver = await sleep(pause, true, { signal }).catch(() => false);
      if (!isOver || this.#way !== way) throw unreachable("nobody needs it any more");
      if (performance.now() - given > LAST_BEGINNING) throw unreachable("there was no place in time");
    }
  }

  async #tryToConnect(way: WayToSandbox, signal: AbortSignal): Promise<Transport> {
    const socket = connect({
      host: way.address,
      port: way.port,
      noDelay: true,
      localAddress: way.from.address,
      ...(way.from.port === 0 ? {} : { localPort: way.from.port }),
    });
    this.#socket = socket;
    // Failures reach us through `connected` and the transport; without a listener they would end the process.
    socket.on("error", () => undefined);
    try {
      await connected(socket, signal);
      return await connectTransport(socket, {
        identification: this.identification,
        hostKeys: this.#hostKeys,
        signal,
      });
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#way = undefined;
    this.#socket?.destroy();
  }
}

function unreachable(cause: unknown): MitsubakoError {
  return new MitsubakoError("no-sandbox", "The sandbox's sshd could not be reached.", { cause });
}

const DROPPED = ["ECONNRESET", "EADDRINUSE", "EADDRNOTAVAIL"];

/** It was accepted and closed at once, with a sentence or a reset; the port that it came from may be a moment late to be free again. */
function isDropped(error: unknown): boolean {
  if (error instanceof TransportFailed)
    return error.end.kind === "closed" || error.end.kind === "socket-error";
  return DROPPED.includes((error as NodeJS.ErrnoException).code ?? "");
}

function connected(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      reject(new Error("aborted"));
    };
    if (signal.aborted) aborted();
    signal.addEventListener("abort", aborted, { once: true });
    socket.once("connect", () => {
      signal.removeEventListener("abort", aborted);
      resolve();
    });
    socket.once("error", reject);
    // Destroyed before it was connected, it has neither.
    socket.once("close", () => {
      signal.removeEventListener("abort", aborted);
      reject(new Error("closed"));
    });
  });
}
