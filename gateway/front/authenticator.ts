import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { toByteString } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { Answer } from "../model/entries.ts";
import type { Keys, WayToSandbox } from "../model/front-messages.ts";
import type { SessionId } from "../model/ids.ts";
import type { Decision, LoginAttempt } from "../ssh/userauth/attempt.ts";
import type { UpstreamAnswer, UpstreamLogin } from "../ssh/userauth/upstream.ts";
import type { Transport } from "../ssh/transport/transport.ts";
import type { HostKey } from "../ssh/transport/host-key.ts";
import { userCertificate } from "../ssh/userauth/certificate.ts";
import { loggedName } from "../ssh/userauth/public-key.ts";
import { optionsOfKey } from "./authorized-keys.ts";
import { restrictionsOf } from "./key-options.ts";
import type { Ending } from "./ending.ts";
import type { SessionRecording } from "./session-recording.ts";
import type { UpstreamLeg } from "./upstream-leg.ts";
import type { WardenLink } from "./warden-link.ts";

/** What an attempt came to, and who said so. */
type Outcome = Omit<Answer, "kind" | "attempt"> & { readonly close?: Decision & { kind: "close" } };

export interface AuthenticatorParts {
  readonly session: SessionId;
  /** The attacker's. */
  readonly address: string;
  /** Whom the sandboxes' sshd trusts to certify keys: the persona's Ed25519 host key. */
  readonly authority: HostKey;
  readonly warden: WardenLink;
  readonly recording: SessionRecording;
  readonly leg: UpstreamLeg;
  readonly ending: Ending;
}

/**
 * Answers a session's attempts: each is recorded, judged by the warden, tried on the sandbox where the answer is its to
 * give, and its result recorded before the attacker learns of it.
 */
export class Authenticator {
  readonly #session: SessionId;
  readonly #address: string;
  readonly #authority: HostKey;
  readonly #warden: WardenLink;
  readonly #recording: SessionRecording;
  readonly #leg: UpstreamLeg;
  readonly #ending: Ending;
  /** The leg that the accepted attempt logged in on. */
  upstream: Transport | undefined;
  #keys: { user: string; found: Promise<Keys["found"]> } | undefined;

  constructor({ session, address, authority, warden, recording, leg, ending }: AuthenticatorParts) {
    this.#session = session;
    this.#address = address;
    this.#authority = authority;
    this.#warden = warden;
    this.#recording = recording;
    this.#leg = leg;
    this.#ending = ending;
  }

  async decide(attempt: LoginAttempt): Promise<Decision> {
    this.#recording.attempt(attempt);
    const { close, ...outcome } = await this.#judge(attempt);
    this.#recording.fact({ kind: "answer", attempt: attempt.number, ...outcome });
    if (close) return close;
    if (outcome.outcome === "accepted") {
      this.#recording.fact({ kind: "logged-in", user: toByteString(attempt.user), method: attempt.method });
      const by = attempt.credential.kind === "password" ? "password" : "key";
      this.#warden.tell({ kind: "logged-in", session: this.#session, by });
      return { kind: "accepted" };
    }
    return { kind: outcome.outcome === "refused" ? "refused" : "key-acceptable" };
  }

  #judge(attempt: LoginAttempt): Outcome | Promise<Outcome> {
    if (!attempt.admissible) return { outcome: "refused", by: "protocol" };
    switch (attempt.credential.kind) {
      case "none":
        return { outcome: "refused", by: "protocol" };
      case "password":
        return this.#password(attempt, attempt.credential.password).then((outcome) =>
          attempt.inService || outcome.outcome !== "accepted" ? outcome : this.#ofNoService(),
        );
      case "publickey":
        return this.#publicKey(attempt.account, attempt.credential);
      default:
        return attempt.credential satisfies never;
    }
  }

  async #password({ account: user, method: sent }: LoginAttempt, password: Buffer): Promise<Outcome> {
    const method = sent === "keyboard-interactive" ? sent : "password";
    const ruling = await this.#warden.ask({ kind: "judge", session: this.#session, method, user, password });
    switch (ruling.ruling) {
      case "refuse":
        await sleep(ruling.delay, undefined, { signal: this.#ending.signal });
        return { outcome: "refused", by: "policy", rule: ruling.rule, ...profileOf(ruling) };
      case "no-sandbox":
        return { ...this.#noSandbox(), ...profileOf(ruling) };
      case "ask-sandbox": {
        const asked = await this.#ask(ruling.way, async (login) => {
          const { prepared } =
            ruling.by === "sandbox"
              ? { prepared: true }
              : await this.#warden.ask({ kind: "prepared", session: this.#session });
          if (!prepared) throw new MitsubakoError("no-sandbox", "The account could not be made.");
          return login.password(user, password);
        });
        const by = asked.outcome === "accepted" ? ruling.by : "sandbox";
        return { ...asked, by, rule: ruling.rule, ...profileOf(ruling) };
      }
      default:
        return ruling satisfies never;
    }
  }

  async #publicKey(user: Buffer, key: LoginAttempt["credential"] & { kind: "publickey" }): Promise<Outcome> {
    const found = await this.#authorizedKeys(user);
    const options = found && optionsOfKey(found.file, key.blob);
    const restrictions = options === undefined ? undefined : restrictionsOf(options, this.#address);
    if (!found || !restrictions) return { outcome: "refused", by: "sandbox" };
    if (!key.signed) return { outcome: "key-acceptable", by: "sandbox", ...profileOf(found) };

    // The signature is over our session id, which the sandbox's sshd does not share. A key made for this one login stands
    // in for it there, with a certificate by the persona's own host key, which that sshd was told in memory to trust:
    // nothing of it is ever written inside.
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const publicKeyBlob = ed25519Blob(publicKey);
    // The sandbox's PID 1 puts the certificate's name in its place where the login is logged.
    const keyId = loggedName(key.blob);
    const certificate = userCertificate({ publicKeyBlob, user, restrictions, keyId }, this.#authority);
    const asked = await this.#ask(found.way, (login) =>
      login.key(user, { privateKey, publicKeyBlob, certificate }),
    );
    return { ...asked, ...profileOf(found) };
  }

  /** Read once for a question and the proof that follows it. */
  #authorizedKeys(user: Buffer): Promise<Keys["found"]> {
    const name = toByteString(user);
    if (this.#keys?.user !== name)
      this.#keys = {
        user: name,
        found: this.#warden.ask({ kind: "keys", session: this.#session, user }).then(({ found }) => found),
      };
    return this.#keys.found;
  }

  async #ask(
    way: WayToSandbox,
    attempt: (login: UpstreamLogin) => Promise<UpstreamAnswer>,
  ): Promise<Outcome> {
    this.#recording.leased(way);
    try {
      const { transport, login } = await this.#leg.reach(way);
      const answer = await attempt(login);
      if (answer.kind === "accepted") this.upstream = transport;
      if (answer.kind !== "closed") return { outcome: answer.kind, by: "sandbox" };
      this.#ending.end("sandbox-closed");
      return {
        outcome: "refused",
        by: "sandbox",
        close: { kind: "close", ...(answer.disconnect ? { disconnect: answer.disconnect } : {}) },
      };
    } catch (error) {
      if (this.#ending.over) throw error;
      return this.#noSandbox(error);
    }
  }

  /** The password is right, and there is nothing to be let in to. */
  #ofNoService(): Outcome {
    this.#ending.end("protocol-error", { detail: "a login to a service that is not there" });
    return { outcome: "refused", by: "protocol", close: { kind: "close" } };
  }

  /** The attacker sees what an overloaded sshd shows, the end of the connection, and never a wrong password. */
  #noSandbox(cause?: unknown): Outcome {
    this.#ending.end("no-sandbox", cause instanceof Error ? { detail: cause.message } : {});
    return { outcome: "refused", by: "policy", rule: "no sandbox to be had", close: { kind: "close" } };
  }
}

function profileOf({ profile }: { readonly profile?: string }): Pick<Answer, "profile"> {
  return profile === undefined ? {} : { profile };
}

/** RFC 8709 section 4. The raw key is the last 32 bytes of its SPKI form (RFC 8410 section 4). */
function ed25519Blob(key: KeyObject): Buffer {
  const raw = key.export({ type: "spki", format: "der" }).subarray(-32);
  const blob = Buffer.alloc(4 + 11 + 4 + 32);
  blob.writeUInt32BE(11, 0);
  blob.write("ssh-ed25519", 4, "latin1");
  blob.writeUInt32BE(32, 15);
  raw.copy(blob, 19);
  return blob;
}
