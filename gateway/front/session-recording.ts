import { toByteString } from "../model/bytes.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Fact, KeyExchange, SessionEnded } from "../model/entries.ts";
import type { FrontConfiguration, SessionTerms, WayToSandbox } from "../model/front-messages.ts";
import type { SandboxId, SessionId } from "../model/ids.ts";
import { createTap, type RecordingTap } from "../recording/tap.ts";
import { createRecording, type Recording } from "../recording/writer.ts";
import { ChannelLedger } from "../ssh/messages/channels.ts";
import type { LoginAttempt } from "../ssh/userauth/attempt.ts";
import type { Ending } from "./ending.ts";

/** A session's recording, in the session's own words. Every method throws `recording-failed` when it could not write, and `recording-full`. */
export class SessionRecording {
  readonly #recording: Recording;
  #leased: SandboxId | undefined;

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  fact(fact: Exclude<Fact, SessionEnded>): void {
    this.#recording.fact(fact);
  }

  /** The transport's observer: what the client says is written down before it is acted upon. */
  clientVersion(line: Buffer): void {
    this.fact({ kind: "client-version", version: toByteString(line) });
  }

  keyExchange(offer: KeyExchange["offer"], agreed: KeyExchange["agreed"] | undefined, hassh: string): void {
    this.fact({ kind: "key-exchange", offer, ...(agreed ? { agreed } : {}), hassh });
  }

  attempt({ number, user, method, methodName, credential }: LoginAttempt): void {
    this.fact({
      kind: "attempt",
      number,
      user: toByteString(user),
      method,
      ...(method === "other" ? { methodName: toByteString(methodName) } : {}),
      ...(credential.kind === "publickey"
        ? {
            key: {
              algorithm: toByteString(credential.algorithm),
              blob: credential.blob.toString("base64"),
              fingerprintMd5: credential.fingerprintMd5,
              fingerprintSha256: credential.fingerprintSha256,
              signed: credential.signed,
            },
          }
        : {}),
    });
    if (credential.kind !== "password") return;
    this.fact({
      kind: "credential",
      attempt: number,
      password: toByteString(credential.password),
      ...(credential.newPassword ? { newPassword: toByteString(credential.newPassword) } : {}),
    });
  }

  /** Once for each sandbox that the session is given. */
  leased(way: WayToSandbox): void {
    if (this.#leased === way.sandbox) return;
    this.#leased = way.sandbox;
    const { sandbox, container, address, state, image } = way;
    this.fact({ kind: "sandbox-leased", sandbox, container, address, state, image });
  }

  /** For the relay: every payload is written down before it is passed on. */
  tap(): RecordingTap {
    const ledger = new ChannelLedger();
    return createTap(this.#recording, (from, payload) =>
      ledger.ordinal(from, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)),
    );
  }

  async end(fact: SessionEnded): Promise<void> {
    await this.#recording.close(fact);
  }
}

/**
 * Makes the recording, with its first entry in it.
 *
 * @throws MitsubakoError `recording-failed`: what cannot be recorded is not proxied.
 */
export function openSessionRecording(
  configuration: FrontConfiguration,
  {
    terms,
    ...opened
  }: {
    session: SessionId;
    source: Endpoint;
    listener: Endpoint;
    persona: string;
    terms: SessionTerms;
  },
  ending: Ending,
): SessionRecording {
  const recording = createRecording({
    folder: LIVE_FOLDER,
    session: opened.session,
    most: terms.limits.recordingSize,
    onFailure: (error) => {
      ending.end("recording-failed", { detail: error.message });
    },
  });
  recording.fact({
    kind: "session-opened",
    startedAt: nowWithMicroseconds(),
    ...opened,
    sensor: configuration.sensor,
    hostname: terms.hostname,
    policy: configuration.policy,
    ...(terms.profile === undefined ? {} : { profile: terms.profile }),
  });
  return new SessionRecording(recording);
}

/** The one folder that a front may write to, as it is called inside its confinement. */
const LIVE_FOLDER = "/run/mitsubako/live";

function nowWithMicroseconds(): string {
  const microseconds = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000));
  const date = new Date(Number(microseconds / 1000n));
  return `${date.toISOString().slice(0, 23)}${String(microseconds % 1000n).padStart(3, "0")}Z`;
}
