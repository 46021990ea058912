/** What a key asks for while something plays. */
export type Command =
  | { readonly kind: "pause" | "step" | "quit" | "help" | "search" | "input" | "status" | "redraw" | "live" }
  /** Nanoseconds, forward or back. */
  | { readonly kind: "by"; readonly nanoseconds: bigint }
  /** Of the whole, forward or back. */
  | { readonly kind: "by-share"; readonly share: number }
  | { readonly kind: "to-share"; readonly share: number }
  /** The next hit or command, or the one before. */
  | { readonly kind: "hit" | "command" | "channel"; readonly direction: 1 | -1 }
  | { readonly kind: "speed"; readonly factor: number | undefined };

const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;

export const KEYS: Readonly<Record<string, Command>> = {
  " ": { kind: "pause" },
  ".": { kind: "step" },
  q: { kind: "quit" },
  Q: { kind: "quit" },
  // Ctrl-C, which the terminal does not turn into a signal now.
  "\x03": { kind: "quit" },
  "?": { kind: "help" },
  h: { kind: "help" },
  "/": { kind: "search" },
  n: { kind: "hit", direction: 1 },
  N: { kind: "hit", direction: -1 },
  "]": { kind: "command", direction: 1 },
  "[": { kind: "command", direction: -1 },
  c: { kind: "channel", direction: 1 },
  C: { kind: "channel", direction: -1 },
  right: { kind: "by", nanoseconds: 5n * SECOND },
  left: { kind: "by", nanoseconds: -5n * SECOND },
  up: { kind: "by", nanoseconds: MINUTE },
  down: { kind: "by", nanoseconds: -MINUTE },
  "shift-right": { kind: "by-share", share: 0.1 },
  "shift-left": { kind: "by-share", share: -0.1 },
  ">": { kind: "by-share", share: 0.1 },
  "<": { kind: "by-share", share: -0.1 },
  g: { kind: "to-share", share: 0 },
  home: { kind: "to-share", share: 0 },
  G: { kind: "to-share", share: 1 },
  end: { kind: "to-share", share: 1 },
  F: { kind: "live" },
  "+": { kind: "speed", factor: 2 },
  "-": { kind: "speed", factor: 0.5 },
  "=": { kind: "speed", factor: undefined },
  i: { kind: "input" },
  s: { kind: "status" },
  "\x0c": { kind: "redraw" },
  ...Object.fromEntries(
    Array.from({ length: 10 }, (_, digit) => [String(digit), { kind: "to-share", share: digit / 10 }]),
  ),
};

export const HELP: readonly string[] = [
  "",
  "  space          stop the clock, and let it run again",
  "  .              while it stands: on to the next output",
  "  + - =          twice, half, once as fast",
  "  left right     5 seconds back, forward",
  "  down up        1 minute back, forward",
  "  < >            a tenth of the whole back, forward (also shift and left, right)",
  "  0 to 9         to 0 % to 90 %",
  "  g G            to the start, to the end",
  "  / n N          search in output and input; next, previous hit",
  "  ] [            next, previous command",
  "  c C            next, previous channel",
  "  F              of a session that lives: to what happens now",
  "  i              show what was typed, or not",
  "  s              show this program's line at the bottom, or not",
  "  q              end",
  "",
  "  Any key goes back.",
];
