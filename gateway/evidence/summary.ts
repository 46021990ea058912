import type { ByteString } from "../model/bytes.ts";
import type { AttemptMethod, Entry, SandboxLeased, SessionOpened } from "../model/entries.ts";
import type { EndReason } from "../model/end-reason.ts";
import type { Observation } from "./observation.ts";

/** A session in one row: what a list shows of it. */
export interface Summary {
  readonly opened: SessionOpened | undefined;
  /** Nanoseconds from the start to the last entry. */
  readonly duration: bigint;
  readonly clientVersion: ByteString | undefined;
  readonly hassh: string | undefined;
  /** Of the login; of the last attempt where there was none. */
  readonly user: ByteString | undefined;
  readonly password: ByteString | undefined;
  /** It had a password, which retention has dropped since. */
  readonly passwordDropped: true | undefined;
  readonly method: AttemptMethod | undefined;
  /** Of the policy's profile that held for it: at its login, at its last attempt, or before any. */
  readonly profile: string | undefined;
  readonly loggedIn: boolean;
  readonly sandbox: SandboxLeased | undefined;
  /** Absent: the session still lives, or was cut off. */
  readonly endReason: EndReason | undefined;
  readonly attempts: number;
  readonly channels: number;
  readonly commands: number;
  readonly transfers: number;
  readonly forwards: number;
  /** What its sandbox tried on its network while it lived. */
  readonly network: number;
  /** Bytes of relayed payloads. */
  readonly received: number;
  readonly sent: number;
}

/** Gathers a summary while the entries pass. */
export class Summarizer {
  #duration = 0n;
  #opened: SessionOpened | undefined;
  #clientVersion: ByteString | undefined;
  #hassh: string | undefined;
  #user: ByteString | undefined;
  #password: ByteString | undefined;
  #passwordDropped: true | undefined;
  #method: AttemptMethod | undefined;
  #profile: string | undefined;
  #loggedIn = false;
  #sandbox: SandboxLeased | undefined;
  #endReason: EndReason | undefined;
  #counts = {
    attempts: 0,
    channels: 0,
    commands: 0,
    transfers: 0,
    forwards: 0,
    network: 0,
    received: 0,
    sent: 0,
  };

  entry(entry: Entry): void {
    this.#duration = entry.at;
    if (entry.type !== "packet") return;
    if (entry.from === "downstream") this.#counts.received += entry.payload.length;
    else this.#counts.sent += entry.payload.length;
  }

  observed(observation: Observation): void {
    switch (observation.kind) {
      case "session-opened":
        this.#opened = observation;
        this.#profile = observation.profile;
        return;
      case "client-version":
        this.#clientVersion = observation.version;
        return;
      case "key-exchange":
        this.#hassh = observation.hassh;
        return;
      case "sandbox-leased":
        this.#sandbox = observation;
        return;
      case "tried":
        if (observation.method === "none" || observation.outcome === "key-acceptable") return;
        this.#counts.attempts++;
        if (this.#loggedIn) return;
        this.#user = observation.user;
        this.#password = observation.password;
        this.#passwordDropped = observation.passwordDropped;
        this.#method = observation.method;
        this.#loggedIn = observation.outcome === "accepted";
        // What the protocol refuses, and keys that no account has, nobody has looked at a profile for.
        if (observation.rule !== undefined || this.#loggedIn) this.#profile = observation.profile;
        return;
      case "logged-in":
        this.#loggedIn = true;
        this.#user = observation.user;
        this.#method = observation.method;
        return;
      case "channel-opened":
        this.#counts.channels++;
        return;
      case "command":
        this.#counts.commands++;
        return;
      case "transfer":
        this.#counts.transfers++;
        return;
      case "forward":
        this.#counts.forwards++;
        return;
      case "network":
        this.#counts.network += observation.count;
        return;
      case "session-ended":
        this.#endReason = observation.reason;
        return;
      default:
        return;
    }
  }

  get summary(): Summary {
    return {
      opened: this.#opened,
      duration: this.#duration,
      clientVersion: this.#clientVersion,
      hassh: this.#hassh,
      user: this.#user,
      password: this.#password,
      passwordDropped: this.#passwordDropped,
      method: this.#method,
      profile: this.#profile,
      loggedIn: this.#loggedIn,
      sandbox: this.#sandbox,
      endReason: this.#endReason,
      ...this.#counts,
    };
  }
}
