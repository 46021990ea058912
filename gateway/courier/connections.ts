import type { Socket } from "node:net";

/** Connections to the receiver, made by the warden. One is asked for at a time. */
export class Connections {
  readonly #ask: (ask: number) => void;
  #number = 0;
  #waiting:
    { readonly resolve: (socket: Socket) => void; readonly reject: (error: Error) => void } | undefined;

  constructor(ask: (ask: number) => void) {
    this.#ask = ask;
  }

  /** @throws where the receiver cannot be reached, or the signal's reason. */
  async open(signal: AbortSignal): Promise<Socket> {
    signal.throwIfAborted();
    const asked = new Promise<Socket>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    const stop = () => {
      this.#waiting?.reject(signal.reason as Error);
      this.#waiting = undefined;
    };
    signal.addEventListener("abort", stop, { once: true });
    this.#ask(++this.#number);
    try {
      return await asked;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** One that nobody waits for any more is closed. */
  connected(ask: number, socket: Socket | undefined): void {
    if (ask === this.#number && this.#waiting !== undefined && socket !== undefined)
      this.#waiting.resolve(socket);
    else socket?.destroy();
    if (ask === this.#number) this.#waiting = undefined;
  }

  notConnected(ask: number, why: string): void {
    if (ask !== this.#number) return;
    this.#waiting?.reject(new Error(why));
    this.#waiting = undefined;
  }
}
