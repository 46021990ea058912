import { sign, type KeyObject } from "node:crypto";
import { buildServiceRequest } from "../messages/general.ts";
import { MSG } from "../messages/numbers.ts";
import { Reader } from "../messages/reader.ts";
import { buildUserauthRequest, parseUserauthFailure } from "../messages/userauth.ts";
import { bool, string } from "../messages/writer.ts";
import type { Transport, TransportEnd } from "../transport/transport.ts";
import { CERTIFICATE_TYPE } from "./certificate.ts";
import { Inbox } from "./inbox.ts";

export type UpstreamAnswer =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused" }
  /** The other side ended it, or the signal was aborted. */
  | {
      readonly kind: "closed";
      readonly end: TransportEnd | { readonly kind: "aborted" };
      /** What it said before it did, one character per byte, as a `close` decision takes it. */
      readonly disconnect?: { readonly code: number; readonly text: string };
    };

export interface Ed25519Login {
  readonly privateKey: KeyObject;
  /** Public key in wire form. */
  readonly publicKeyBlob: Buffer;
  /** Shown in the key's place. */
  readonly certificate?: Buffer;
}

/** More banner text than this is not kept. */
const LONGEST_BANNER = 65_536;

/**
 * Authentication in the client role, towards a sandbox's own sshd: one attempt after the other on one connection, nothing added to the time
 * that sshd takes. Once accepted nobody is attached to the transport, and what sshd sent after its answer waits there.
 */
export class UpstreamLogin implements Disposable {
  readonly #transport: Transport;
  readonly #inbox: Inbox;
  #asked = false;
  #banner = "";
  #methods: readonly string[] = [];

  constructor(transport: Transport, signal?: AbortSignal) {
    this.#transport = transport;
    this.#inbox = new Inbox(transport, signal);
  }

  /** Text of the banners so far, as UTF-8. */
  get banner(): string {
    return this.#banner;
  }

  /** Methods that the last refusal said can continue. */
  get methods(): readonly string[] {
    return this.#methods;
  }

  /** A request to change the password (it expired) counts as refused. */
  async password(user: Uint8Array, password: Uint8Array): Promise<UpstreamAnswer> {
    this.#send(buildUserauthRequest(user, "password", bool(false), string(password)));
    return this.#answer();
  }

  async none(user: Uint8Array): Promise<UpstreamAnswer> {
    this.#send(buildUserauthRequest(user, "none"));
    return this.#answer();
  }

  /** Signs at once instead of asking first whether the key would do. */
  async key(
    user: Uint8Array,
    { privateKey, publicKeyBlob, certificate }: Ed25519Login,
  ): Promise<UpstreamAnswer> {
    const algorithm = "ssh-ed25519";
    const request = buildUserauthRequest(
      user,
      "publickey",
      bool(true),
      string(certificate ? CERTIFICATE_TYPE : algorithm),
      string(certificate ?? publicKeyBlob),
    );
    const signature = sign(null, Buffer.concat([string(this.#transport.sessionId), request]), privateKey);
    const field = string(Buffer.concat([string(algorithm), string(signature)]));
    this.#send(Buffer.concat([request, field]));
    return this.#answer();
  }

  /** Lets go of the transport, which stays open. */
  [Symbol.dispose](): void {
    this.#inbox.release();
  }

  /** The service request rides ahead of the first attempt: sshd answers both in order, and a round trip is saved. */
  #send(request: Buffer): void {
    this.#transport.cork();
    if (!this.#asked) this.#transport.send(buildServiceRequest("ssh-userauth"));
    this.#asked = true;
    this.#transport.send(request);
    this.#transport.uncork();
  }

  async #answer(): Promise<UpstreamAnswer> {
    for (;;) {
      const arrival = await this.#inbox.next();
      if (arrival.kind === "aborted") return { kind: "closed", end: arrival };
      if (arrival.kind === "closed") return closed(arrival.end);
      const { payload } = arrival;
      switch (payload[0]) {
        case MSG.USERAUTH_SUCCESS:
          this.#transport.startDelayedCompression();
          return { kind: "accepted" };
        case MSG.USERAUTH_FAILURE: {
          const failure = parseUserauthFailure(payload);
          if (failure.kind !== "malformed") this.#methods = failure.methods;
          return { kind: "refused" };
        }
        case MSG.USERAUTH_PASSWD_CHANGEREQ:
          return { kind: "refused" };
        case MSG.USERAUTH_BANNER:
          if (this.#banner.length < LONGEST_BANNER) {
            this.#banner += new Reader(payload, 1).string().toString("utf8");
          }
          break;
        // SERVICE_ACCEPT, and whatever else is not an answer.
      }
    }
  }
}

function closed(end: TransportEnd): UpstreamAnswer {
  if (end.kind !== "disconnect") return { kind: "closed", end };
  return { kind: "closed", end, disconnect: { code: end.code, text: end.description.toString("latin1") } };
}
