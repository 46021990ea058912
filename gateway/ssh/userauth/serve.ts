import { SIGNATURE_ALGORITHMS } from "../../model/learned.ts";
import type { HostKeyFile } from "../../model/persona.ts";
import { asCString, isCString } from "../messages/cstring.ts";
import { buildExtInfo } from "../messages/ext-info.ts";
import { buildDisconnect, buildServiceAccept, parseService } from "../messages/general.ts";
import { DISCONNECT_CODE, MSG } from "../messages/numbers.ts";
import {
  buildInfoRequest,
  buildPublicKeyOk,
  buildUserauthBanner,
  buildUserauthFailure,
  parseInfoResponse,
  parseUserauthRequest,
  type UserauthRequest,
} from "../messages/userauth.ts";
import { payload, u32 } from "../messages/writer.ts";
import type { Transport } from "../transport/transport.ts";
import type { Decision, LoginAttempt, NoLoginCause, UserauthResult } from "./attempt.ts";
import { initialHostKey } from "./host-key.ts";
import { Inbox } from "./inbox.ts";
import { readRequest, splitUser } from "./request.ts";

export interface UserauthOptions {
  /** As USERAUTH_FAILURE lists them. */
  readonly methods: readonly ("publickey" | "password" | "keyboard-interactive")[];
  /** MaxAuthTries: the connection is closed at this many refusals; a `none` that comes first is free. */
  readonly maxTries: number;
  /** Signature algorithms of public keys, as the persona announces them; of these, those are taken that sshd takes and we can verify. */
  readonly signatureAlgorithms: readonly string[];
  readonly hostKeys: readonly Pick<HostKeyFile, "type" | "publicKey">[];
  /** Text shown before the first answer. */
  readonly banner?: string;
  /**
   * Called for every attempt, one after the other, never two at once. For one that is not `admissible` it may only record and wait.
   * If the connection ends meanwhile its answer is dropped: it should watch the same signal and the transport's `closed`.
   */
  readonly decide: (attempt: LoginAttempt) => Promise<Decision>;
  /** A keyboard-interactive attempt whose prompt was never answered because another request came. */
  readonly onAbandoned?: (attempt: LoginAttempt) => void;
  /** Ends it without a word, as LoginGraceTime does. */
  readonly signal?: AbortSignal;
}

/** sshd's own bound on requests of one connection, whatever their outcome. */
const MOST_ATTEMPTS = 1024;
/** `snprintf` into char[1024] in `ssh_packet_disconnect`. */
const LONGEST_TEXT = 1023;

/**
 * Authentication in the server role (RFC 4252), answering as OpenSSH 9.2 does (auth2.c, auth2-*.c): resolves once somebody is in or it
 * came to nothing. It never rejects. After a login nobody is attached to the transport, and what the client sent ahead waits there.
 * After no login our side of the connection was ended; the caller sees to it that the socket is gone in the end.
 */
export async function serveUserauth(transport: Transport, options: UserauthOptions): Promise<UserauthResult> {
  const inbox = new Inbox(transport, options.signal);
  try {
    return await new Userauth(transport, options, inbox).run();
  } finally {
    inbox.release();
  }
}

interface Challenge {
  readonly attempt: LoginAttempt;
  /** `password`: the prompt is out. `confirmation`: PAM said yes, and asks nothing once more before it says so. */
  readonly stage: "password" | "confirmation";
}

class Userauth {
  readonly #transport: Transport;
  readonly #options: UserauthOptions;
  readonly #inbox: Inbox;
  readonly #methods: Set<string>;
  #service = false;
  #attempts = 0;
  #failures = 0;
  #first:
    { readonly account: Buffer; readonly service: Buffer; readonly style: Buffer | undefined } | undefined;
  #challenge: Challenge | undefined;

  constructor(transport: Transport, options: UserauthOptions, inbox: Inbox) {
    this.#transport = transport;
    this.#options = options;
    this.#inbox = inbox;
    this.#methods = new Set(["none", ...options.methods]);
  }

  async run(): Promise<UserauthResult> {
    try {
      for (;;) {
        const arrival = await this.#inbox.next();
        if (arrival.kind === "aborted") return this.#close({ kind: "aborted" });
        if (arrival.kind === "closed") return this.#ended({ kind: "client", end: arrival.end });
        const result = await this.#take(arrival.payload, arrival.sequence);
        if (result !== undefined) return result;
      }
    } catch (error) {
      return this.#close({ kind: "failed", error });
    }
  }

  async #take(bytes: Buffer, sequence: number): Promise<UserauthResult | undefined> {
    const type = bytes[0] ?? 0;
    switch (type) {
      case MSG.SERVICE_REQUEST:
        return this.#onService(bytes);
      case MSG.USERAUTH_REQUEST:
        if (this.#service) return this.#onRequest(bytes);
        break;
      case MSG.USERAUTH_INFO_RESPONSE:
      case MSG.USERAUTH_GSSAPI_EXCHANGE_COMPLETE:
        if (type === MSG.USERAUTH_INFO_RESPONSE && this.#challenge !== undefined) {
          return this.#onResponse(this.#challenge, bytes);
        }
        // From the first request on sshd's table is empty there, and it leaves before its DISCONNECT is written.
        if (this.#attempts > 0) return this.#malformed(`message ${type} without a question`);
        break;
    }
    await this.#inbox.send(payload(MSG.UNIMPLEMENTED, u32(sequence)));
    return undefined;
  }

  async #onService(bytes: Buffer): Promise<UserauthResult | undefined> {
    const request = parseService(bytes);
    if (request.kind === "malformed" || !isCString(request.service))
      return this.#malformed("a service request");
    const service = asCString(request.service);
    if (!service.equals(USERAUTH)) {
      return this.#disconnect(
        { kind: "protocol-error", message: "a service that is not offered" },
        Buffer.concat([Buffer.from("bad service request "), service]),
      );
    }
    this.#service = true;
    await this.#inbox.send(buildServiceAccept(USERAUTH));
    return undefined;
  }

  async #onRequest(bytes: Buffer): Promise<UserauthResult | undefined> {
    const request = parseUserauthRequest(bytes);
    if (request.kind === "malformed") return this.#malformed("an authentication request");
    if (![request.user, request.service, request.method].every(isCString)) {
      return this.#malformed("a NUL inside a name");
    }
    if (this.#attempts >= MOST_ATTEMPTS) return this.#tooMany();
    this.#attempts++;
    const changed = await this.#sameUser(request);
    if (changed !== undefined) return changed;
    const abandoned = this.#challenge;
    this.#challenge = undefined;
    if (abandoned?.stage === "confirmation") return this.#malformed("a request instead of a confirmation");
    if (abandoned !== undefined) this.#options.onAbandoned?.(abandoned.attempt);

    const read = readRequest(request, {
      number: this.#attempts,
      methods: this.#methods,
      signatureAlgorithms: this.#options.signatureAlgorithms,
      sessionId: this.#transport.sessionId,
      hostKey: initialHostKey(this.#transport.agreed.hostKey, this.#options.hostKeys),
      style: this.#first?.style,
    });
    switch (read.kind) {
      case "malformed":
        return this.#malformed(read.message);
      case "challenge":
        this.#challenge = { attempt: read.attempt, stage: "password" };
        await this.#inbox.send(buildInfoRequest([{ text: "Password: ", echo: false }]));
        return undefined;
      case "attempt":
        if (read.attempt.method === "none") this.#methods.delete("none");
        return this.#judge(read.attempt);
      default:
        return read satisfies never;
    }
  }

  /** The first request fixes user and service, and brings the banner. */
  async #sameUser(request: UserauthRequest): Promise<UserauthResult | undefined> {
    const { account, style } = splitUser(request.user);
    const service = asCString(request.service);
    if (this.#first === undefined) {
      this.#first = { account, service, style };
      if (this.#options.banner !== undefined) {
        await this.#inbox.send(buildUserauthBanner(this.#options.banner));
      }
      if (this.#transport.wantsExtInfoInAuth) {
        const value = this.#options.signatureAlgorithms.join();
        await this.#inbox.send(buildExtInfo([{ name: SIGNATURE_ALGORITHMS, value }]));
      }
      return undefined;
    }
    if (account.equals(this.#first.account) && service.equals(this.#first.service)) return undefined;
    const parts = ["(", this.#first.account, ",", this.#first.service, ") -> (", account, ",", service, ")"];
    return this.#disconnect(
      { kind: "protocol-error", message: "another user name or service than before" },
      Buffer.concat(
        ["Change of username or service not allowed: ", ...parts].map((part) => Buffer.from(part)),
      ),
    );
  }

  async #onResponse(challenge: Challenge, bytes: Buffer): Promise<UserauthResult | undefined> {
    const answers = parseInfoResponse(bytes);
    const expected = challenge.stage === "password" ? 1 : 0;
    if ("kind" in answers || answers.length !== expected || !answers.every(isCString)) {
      return this.#malformed("a keyboard-interactive response");
    }
    this.#challenge = undefined;
    const [password] = answers;
    if (password === undefined) return this.#accept(challenge.attempt);
    return this.#judge({ ...challenge.attempt, credential: { kind: "password", password } });
  }

  async #judge(attempt: LoginAttempt): Promise<UserauthResult | undefined> {
    const decision = await this.#inbox.during(this.#options.decide(attempt));
    // Undefined: the connection ended; `run` meets the cause at its next step.
    if (decision === undefined || this.#inbox.end !== undefined) return undefined;
    return this.#answer(attempt, decision);
  }

  async #answer(attempt: LoginAttempt, decision: Decision): Promise<UserauthResult | undefined> {
    const { credential, admissible } = attempt;
    const question = credential.kind === "publickey" && !credential.signed;
    switch (decision.kind) {
      case "accepted":
        if (!admissible || question) return this.#refuse(attempt);
        if (!attempt.inService) return this.#malformed("a login to a service that is not there");
        if (attempt.method !== "keyboard-interactive") return this.#accept(attempt);
        this.#challenge = { attempt, stage: "confirmation" };
        await this.#inbox.send(buildInfoRequest([]));
        return undefined;
      case "key-acceptable":
        if (!admissible || !question) return this.#refuse(attempt);
        await this.#inbox.send(buildPublicKeyOk(asCString(credential.algorithm), credential.blob));
        return undefined;
      case "refused":
        return this.#refuse(attempt);
      case "close":
        if (decision.disconnect !== undefined) {
          this.#transport.send(buildDisconnect(decision.disconnect.code, decision.disconnect.text));
        }
        return this.#close({ kind: "decided" });
      default:
        return decision satisfies never;
    }
  }

  #accept(attempt: LoginAttempt): UserauthResult {
    this.#transport.send(payload(MSG.USERAUTH_SUCCESS));
    this.#transport.startDelayedCompression();
    return { kind: "login", attempt, attempts: this.#attempts };
  }

  async #refuse(attempt: LoginAttempt): Promise<UserauthResult | undefined> {
    if (this.#attempts > 1 || attempt.method !== "none") this.#failures++;
    if (this.#failures >= this.#options.maxTries) return this.#tooMany();
    await this.#inbox.send(buildUserauthFailure(this.#options.methods));
    return undefined;
  }

  #tooMany(): UserauthResult {
    return this.#disconnect({ kind: "too-many-attempts" }, Buffer.from("Too many authentication failures"));
  }

  #malformed(message: string): UserauthResult {
    return this.#close({ kind: "protocol-error", message });
  }

  #disconnect(cause: NoLoginCause, text: Buffer): UserauthResult {
    this.#transport.send(buildDisconnect(DISCONNECT_CODE.PROTOCOL_ERROR, text.subarray(0, LONGEST_TEXT)));
    return this.#close(cause);
  }

  #close(cause: NoLoginCause): UserauthResult {
    this.#transport.end();
    return this.#ended(cause);
  }

  #ended(cause: NoLoginCause): UserauthResult {
    return { kind: "no-login", attempts: this.#attempts, cause };
  }
}

const USERAUTH = Buffer.from("ssh-userauth");
