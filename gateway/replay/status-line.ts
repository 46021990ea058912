import { showable } from "../model/bytes.ts";
import type { Span } from "./from-time.ts";

export interface Status {
  /** Nanoseconds since the session's start. */
  readonly at: bigint;
  readonly span: Span;
  readonly state: "playing" | "paused" | "live" | "end";
  readonly speed: number;
  /** Which channel, in a few words that are safe on a terminal. */
  readonly channel: string;
  /** Something older may be missing on the screen. */
  readonly isApproximate: boolean;
  readonly message: string;
}

/** One line of safe text. */
export function statusLine({ at, span, state, speed, channel, isApproximate, message }: Status): string {
  const parts = [
    `${clock(at)} / ${clock(span.to)}`,
    state,
    ...(speed === 1 ? [] : [`x${Number(speed.toPrecision(3))}`]),
    channel,
    ...(isApproximate ? ["older output left out"] : []),
    ...(message === "" ? ["? help"] : [message]),
  ];
  return ` ${parts.join("  ")}`;
}

/** `1:02:03.4` */
function clock(at: bigint): string {
  const tenths = Number(at / 100_000_000n);
  const seconds = Math.floor(tenths / 10);
  const two = (number: number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}.${tenths % 10}`;
}

/** What was typed last, as much of its end as there is room for; controls as `^C`. Safe on a terminal. */
export function inputLine(typed: Uint8Array, columns: number): string {
  const label = " typed: ";
  const room = columns - label.length;
  let shown = "";
  let plain: number[] = [];
  const flush = () => {
    shown += showable(Uint8Array.from(plain));
    plain = [];
  };
  for (const byte of typed) {
    if (byte >= 0x20 && byte !== 0x7f) {
      plain.push(byte);
      continue;
    }
    flush();
    shown += `^${byte === 0x7f ? "?" : String.fromCharCode(byte + 0x40)}`;
  }
  flush();
  return label + (room > 0 ? shown.slice(-room) : "");
}
