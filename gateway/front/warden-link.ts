import type {
  FrontNotice,
  FrontRequest,
  RequestReplies,
  ToFront,
  ToWarden,
  WardenNotice,
} from "../model/front-messages.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { Server, Socket } from "node:net";

/** The front's end of the channel to the warden: questions with answers, and notices both ways. */
export class WardenLink {
  readonly #waiting = new Map<number, { resolve: (reply: never) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  constructor(onNotice: (notice: WardenNotice, handle: Server | Socket | undefined) => void) {
    process.on("message", (raw, handle) => {
      // The warden is trusted; what it sends has the type it says.
      const message = raw as ToFront;
      if (message.type === "notice") {
        onNotice(message.notice, handle as Server | Socket | undefined);
        return;
      }
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.type === "reply") waiting?.resolve(message.reply as never);
      else waiting?.reject(new MitsubakoError("internal", message.message));
    });
  }

  /** @throws MitsubakoError `internal` when the warden could not answer. */
  ask<Request extends FrontRequest>(request: Request): Promise<RequestReplies[Request["kind"]]> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ type: "request", id, request });
    });
  }

  tell(notice: FrontNotice): void {
    this.#send({ type: "notice", notice });
  }

  #send(message: ToWarden): void {
    // A closed channel means that the warden is gone; `disconnect` ends this process.
    if (process.connected) process.send?.(message);
  }
}
