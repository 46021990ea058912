import type { SandboxId } from "../model/ids.ts";
import type { SessionOpened } from "../model/entries.ts";
import type { EventBody, EventValue } from "./cowrie-event.ts";
import { field, maybe, type EventRows } from "./field.ts";

export const SESSION_EVENTS: EventRows = {
  "session.connect": {
    when: "a connection was accepted; always the session's first",
    fields: {
      mitsubako_persona: field("string"),
      mitsubako_hostname: maybe("string", "of the persona, as it was met"),
      mitsubako_policy: field("sha256", "of the policy file"),
      mitsubako_profile: maybe("string", "of the policy, where one matched before a user was named"),
    },
  },
};

const DURATIONS = {
  duration: field("decimal", 'seconds, as `"12.3"`'),
  duration_ms: field("integer", "milliseconds"),
};

export const SESSION_CLOSING_EVENTS: EventRows = {
  "log.closed": {
    when: "the recording is finished; the last but one",
    fields: {
      ttylog: field("string", "path of the recording"),
      size: field("integer", "bytes"),
      shasum: field("sha256", "of the recording's content"),
      duplicate: field("boolean", "always false"),
      ...DURATIONS,
    },
  },
  "session.closed": {
    when: "always the session's last, but for `late` ones",
    fields: {
      ...DURATIONS,
      mitsubako_end_reason: field("string", "an [end reason](architecture.md), or `cut-off`"),
      mitsubako_sandbox: maybe("string", "the one that it was let into"),
      mitsubako_left_out: maybe("integer", "events that were too many"),
    },
  },
};

export function connected(opened: SessionOpened): EventBody {
  const { source, listener, persona, hostname, policy, profile } = opened;
  return {
    eventid: "cowrie.session.connect",
    message: `New connection: ${source.address}:${source.port} to ${listener.address}:${listener.port}`,
    mitsubako_persona: persona,
    ...(hostname === undefined ? {} : { mitsubako_hostname: hostname }),
    mitsubako_policy: policy,
    ...(profile === undefined ? {} : { mitsubako_profile: profile }),
  };
}

/** The recording itself, once it is finished. */
export interface FinishedRecording {
  /** Relative to the data folder. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** How a session ended, as its last events tell it. */
export interface Ending {
  readonly recording: FinishedRecording;
  /** Nanoseconds since its start. */
  readonly last: bigint;
  /** Undefined: the recording was cut off. */
  readonly reason: string | undefined;
  readonly sandbox: SandboxId | undefined;
  readonly leftOut: number;
}

export function closing({ recording, last, reason = "cut-off", sandbox, leftOut }: Ending): EventBody[] {
  const milliseconds = Number(last / 1_000_000n);
  const durations = {
    duration: (milliseconds / 1000).toFixed(1),
    duration_ms: milliseconds,
  } satisfies Record<string, EventValue>;
  return [
    {
      eventid: "cowrie.log.closed",
      message: `Recording closed: ${recording.path}`,
      ttylog: `data/${recording.path}`,
      size: recording.size,
      shasum: recording.sha256,
      duplicate: false,
      ...durations,
    },
    {
      eventid: "cowrie.session.closed",
      message: `Session closed after ${durations.duration} s: ${reason}`,
      ...durations,
      mitsubako_end_reason: reason,
      ...(sandbox === undefined ? {} : { mitsubako_sandbox: sandbox }),
      ...(leftOut === 0 ? {} : { mitsubako_left_out: leftOut }),
    },
  ];
}
