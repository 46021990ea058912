import type { ByteString } from "../model/bytes.ts";
import type { Answer, Attempt, Credential, CredentialDropped, Entry, Fact } from "../model/entries.ts";
import { ChannelObserver } from "./channel-observer.ts";
import { DroppedHashes } from "./dropped-hashes.ts";
import { GrowingFiles } from "./growing-files.ts";
import { sandboxFactOf } from "./sandbox-fact.ts";
import type { Observation, Observed, Offered, Tried } from "./observation.ts";
import { parseConnectionMessage } from "../ssh/messages/message.ts";
import type { ChannelOpen } from "../ssh/messages/channel-open.ts";
import { toByteString } from "../model/bytes.ts";

/**
 * Reads one session's entries in order and says what happened. Pure and incremental: the same entries give the same
 * observations, live and offline, in whatever pieces they come. Memory is bounded whatever the entries hold.
 */
export class SessionObserver {
  #entry = -1;
  #at = 0n;
  /** The attempt that has no answer yet. */
  #attempt: { readonly asked: Attempt; credential?: Credential | CredentialDropped } | undefined;
  readonly #keysOffered = new Set<string>();
  readonly #channels = new Map<number, ChannelObserver>();
  readonly #hashes = new DroppedHashes(() => this.#entry);
  readonly #dropped = new GrowingFiles(this.#hashes.open);

  push(entry: Entry): Observation[] {
    this.#entry++;
    this.#at = entry.at;
    if (entry.type === "fact") return this.#cited(this.#fact(entry.fact));
    const observed = this.#packet(entry.from, entry.channel, entry.payload);
    return observed.length === 0 ? NOTHING : this.#cited(observed);
  }

  /** No entry will come any more: says what was still open. */
  end(): Observation[] {
    return this.#cited(this.#flush());
  }

  #cited(observed: readonly Observed[]): Observation[] {
    return observed.map((one) => ({ ...one, entry: this.#entry, at: this.#at }));
  }

  #flush(): Observed[] {
    const observed: Observed[] = this.#unanswered();
    for (const channel of this.#channels.values()) observed.push(...channel.end());
    this.#channels.clear();
    this.#dropped.finish();
    observed.push(...this.#hashes.take());
    return observed;
  }

  #fact(fact: Fact): readonly Observed[] {
    switch (fact.kind) {
      case "session-opened":
      case "client-version":
      case "key-exchange":
      case "sandbox-leased":
      case "logged-in":
        return [fact];
      case "session-ended":
        return [...this.#flush(), fact];
      case "attempt": {
        const before = this.#unanswered();
        this.#attempt = { asked: fact };
        return [...before, ...this.#offer(fact)];
      }
      case "credential":
      case "credential-dropped":
        if (this.#attempt?.asked.number === fact.attempt) this.#attempt.credential = fact;
        return NONE;
      case "answer": {
        if (this.#attempt?.asked.number !== fact.attempt) return NONE;
        const told = tried(this.#attempt.asked, this.#attempt.credential, fact);
        this.#attempt = undefined;
        return [told];
      }
      case "network":
      case "process":
      case "file": {
        const checked = sandboxFactOf(fact);
        if (checked?.kind === "file" && checked.sha256 !== undefined) this.#hashes.seen(checked.sha256);
        return checked === undefined ? NONE : [checked];
      }
      case "local-reply":
        return NONE;
      default:
        // What a later version writes beside what this one knows.
        fact satisfies never;
        return NONE;
    }
  }

  #unanswered(): Observed[] {
    if (this.#attempt === undefined) return [];
    const { asked, credential } = this.#attempt;
    this.#attempt = undefined;
    return [tried(asked, credential, undefined)];
  }

  #offer({ user, key }: Attempt): Offered[] {
    if (key === undefined) return [];
    const id = `${user}\0${key.fingerprintSha256}`;
    if (this.#keysOffered.has(id) || this.#keysOffered.size >= MOST_KEYS) return [];
    this.#keysOffered.add(id);
    return [{ kind: "key-offered", user, ...keyOf(key) }];
  }

  #packet(from: "downstream" | "upstream", ordinal: number, payload: Buffer): readonly Observed[] {
    const message = parseConnectionMessage(payload);
    if (message.kind === "malformed") return from === "downstream" ? [unreadable(payload)] : NONE;
    if (message.kind === "global-request") {
      const { request } = message;
      return from === "downstream" && request.kind === "tcpip-forward"
        ? [{ kind: "listen", host: request.address, port: request.port }]
        : NONE;
    }
    if (message.kind === "channel-open") return this.#opened(from, ordinal, message);
    const channel = this.#channels.get(ordinal);
    if (channel === undefined) return NONE;
    const observed = channel.message(from, message, this.#at);
    const dropped = this.#hashes.take();
    if (channel.over) this.#channels.delete(ordinal);
    return dropped.length === 0 ? observed : [...observed, ...dropped];
  }

  #opened(
    by: "downstream" | "upstream",
    ordinal: number,
    { channelType, open }: ChannelOpen,
  ): readonly Observed[] {
    const observed: Observed[] = [{ kind: "channel-opened", channel: ordinal, type: channelType, by }];
    const forward =
      by === "downstream" && open.kind === "direct-tcpip"
        ? { host: open.to.host, port: open.to.port }
        : undefined;
    if (open.kind === "direct-tcpip" && forward !== undefined)
      observed.push({
        kind: "forward",
        channel: ordinal,
        ...forward,
        originatorHost: open.origin.host,
        originatorPort: open.origin.port,
      });
    if (ordinal !== 0 && this.#channels.size < MOST_CHANNELS)
      this.#channels.set(ordinal, new ChannelObserver(ordinal, channelType, this.#dropped, forward));
    return observed;
  }
}

/** sshd's MaxSessions is 10; forwards have no such bound. Over this a channel's own contents are not looked at. */
const MOST_CHANNELS = 1024;
const MOST_KEYS = 256;
const MOST_DATA = 1024;
const NOTHING: Observation[] = [];
const NONE: readonly Observed[] = [];

function tried(
  asked: Attempt,
  credential: Credential | CredentialDropped | undefined,
  answer: Answer | undefined,
): Tried {
  return {
    kind: "tried",
    number: asked.number,
    user: asked.user,
    method: asked.method,
    ...(asked.methodName === undefined ? {} : { methodName: asked.methodName }),
    ...(credential === undefined ? {} : passwords(credential)),
    ...(asked.key === undefined ? {} : { key: keyOf(asked.key) }),
    ...(answer === undefined ? {} : { outcome: answer.outcome, by: answer.by }),
    ...(answer?.rule === undefined ? {} : { rule: answer.rule }),
    ...(answer?.profile === undefined ? {} : { profile: answer.profile }),
  };
}

function passwords(credential: Credential | CredentialDropped): Partial<Tried> {
  if (credential.kind === "credential-dropped") return { passwordDropped: true };
  const { password, newPassword } = credential;
  return { password, ...(newPassword === undefined ? {} : { newPassword }) };
}

function keyOf(key: NonNullable<Attempt["key"]>): Omit<Offered, "kind" | "user"> {
  return {
    algorithm: key.algorithm,
    blob: key.blob,
    fingerprintMd5: key.fingerprintMd5,
    fingerprintSha256: key.fingerprintSha256,
  };
}

function unreadable(payload: Buffer): Observed {
  const data: ByteString = toByteString(payload.subarray(1, 1 + MOST_DATA));
  return { kind: "unreadable", messageNumber: payload[0] ?? 0, length: payload.length, data };
}
