/** TCP ports of bots: SSH and telnet scans, mail, IRC. Answered by a sinkhole or by nobody, never let out. */
export const BOT_PORTS: readonly (readonly [number, number])[] = [
  [22, 23],
  [25, 25],
  [465, 465],
  [587, 587],
  [2222, 2223],
  [2323, 2323],
  [2525, 2525],
  [6660, 6669],
  [6697, 6697],
  [7000, 7000],
];
