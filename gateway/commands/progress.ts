/** A line that tells how far long work is: rewritten in place on a terminal, a line for each new text otherwise. */
export function progressOn(stream: NodeJS.WriteStream): (step: { percent: number; text: string }) => void {
  let last = "";
  return ({ percent, text }) => {
    if (stream.isTTY) {
      const line = `[${String(Math.floor(percent)).padStart(3)} %] ${text}`;
      stream.write(`\r\x1b[K${line}${percent >= 100 ? "\n" : ""}`);
    } else if (text !== last) stream.write(`[${String(Math.floor(percent)).padStart(3)} %] ${text}\n`);
    last = text;
  };
}
