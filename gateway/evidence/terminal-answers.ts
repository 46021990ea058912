/**
 * Keys without the strings in which a terminal says of itself what it is and which colours it has: tmux and screen ask for them.
 *
 * @param keys what came in one packet; terminals answer in one. What is cut over two stays.
 */
export function withoutAnswers(keys: Uint8Array): Uint8Array {
  if (!keys.includes(ESC)) return keys;
  return Buffer.from(Buffer.from(keys).toString("latin1").replaceAll(ANSWERS, ""), "latin1");
}

const ESC = 0x1b;
/** XTVERSION, XTGETTCAP, DECRQSS and DA3; colours and the clipboard. Of a hand, Alt-P and Alt-] have no such thing behind them. */
const ANSWERS =
  // eslint-disable-next-line no-control-regex
  /\x1b(?:P(?:>\||!\||[01][+$]r)|\](?:4|1\d|52);)[^\x07\x1b\r\n]{0,512}(?:\x07|\x1b\\)/g;
