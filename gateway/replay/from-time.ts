import { MitsubakoError } from "../model/errors.ts";

/** Where to begin, as it was asked for. */
export type FromTime =
  | { readonly kind: "seconds"; readonly seconds: number }
  | { readonly kind: "share"; readonly share: number }
  /** Microseconds since 1970. */
  | { readonly kind: "instant"; readonly micros: number }
  /** UTC; of the session's first day, or of the next where that is before its start. */
  | { readonly kind: "time-of-day"; readonly seconds: number };

/** From where to where something goes, in nanoseconds since the session's start. */
export interface Span {
  readonly from: bigint;
  readonly to: bigint;
}

const DAY = 86_400;
const ISO = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?$/;
const OF_DAY = /^(?=T|.*Z$)T?(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?Z?$/;

/** @throws MitsubakoError `bad-usage` */
export function parseFrom(text: string): FromTime {
  const share = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (share !== undefined && Number(share) <= 100) return { kind: "share", share: Number(share) / 100 };
  if (ISO.test(text)) {
    // ECMAScript takes a time without a zone for a local one; a recording's are UTC.
    const iso = text.replace(" ", "T");
    const micros = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`) * 1000;
    if (Number.isFinite(micros)) return { kind: "instant", micros };
  }
  const [, hour, minute, second = "0"] = OF_DAY.exec(text) ?? [];
  if (hour !== undefined && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60)
    return { kind: "time-of-day", seconds: Number(hour) * 3600 + Number(minute) * 60 + Number(second) };
  const seconds = clock(text);
  if (seconds !== undefined) return { kind: "seconds", seconds };
  throw new MitsubakoError("bad-usage", `--from does not take ${JSON.stringify(text.slice(0, 40))}.`, {
    remedy:
      "It takes seconds (90), minutes or hours with colons (1:30), a share (10%), or a time (2026-11-23T02:16:00Z, 02:16:00Z).",
  });
}

/** `90`, `1:30`, `1:02:03.5`, in seconds. */
function clock(text: string): number | undefined {
  const parts = /^(?:(?:(\d+):)?(\d{1,2}|\d+(?=:)):)?(\d+(?:\.\d+)?)$/.exec(text);
  if (parts === null) return undefined;
  const [, hours = "0", minutes = "0", seconds = "0"] = parts;
  if (text.includes(":") && Number(seconds) >= 60) return undefined;
  if (parts[1] !== undefined && Number(minutes) >= 60) return undefined;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/**
 * Nanoseconds since the session's start, held inside of what is played.
 *
 * @param startedAt microseconds since 1970; NaN when the recording does not tell it.
 */
export function timeOf(from: FromTime, played: Span, startedAt: number): bigint {
  return within(played, wanted(from, played, startedAt));
}

export function within({ from, to }: Span, at: bigint): bigint {
  return at < from ? from : at > to ? to : at;
}

export function shareOf({ from, to }: Span, share: number): bigint {
  return from + BigInt(Math.round(Number(to - from) * share));
}

function wanted(from: FromTime, played: Span, startedAt: number): bigint {
  switch (from.kind) {
    case "seconds":
      return nanoseconds(from.seconds);
    case "share":
      return shareOf(played, from.share);
    case "instant":
      return Number.isNaN(startedAt) ? played.from : nanoseconds((from.micros - startedAt) / 1e6);
    case "time-of-day": {
      if (Number.isNaN(startedAt)) return played.from;
      const started = (startedAt / 1e6) % DAY;
      // A session that begins at 23:59:59.5 is asked for from 23:59:59 as from its start.
      const after = from.seconds - Math.floor(started) < 0 ? from.seconds + DAY : from.seconds;
      return nanoseconds(after - started);
    }
    default:
      return from satisfies never;
  }
}

function nanoseconds(seconds: number): bigint {
  return BigInt(Math.round(seconds * 1e9));
}
