/**
 * Run by crash.test.ts as a process that is killed: writes numbered packets, each flushed before its number is said on stdout.
 * With "--until-failure", says the code of the error that ended it instead.
 */
import { writeSync } from "node:fs";
import type { SessionId } from "../../gateway/model/ids.ts";
import { createRecording } from "../../gateway/recording/writer.ts";

const [folder, session, mode] = process.argv.slice(2);
const recording = createRecording({ folder: folder ?? "", session: session as SessionId });
const payload = Buffer.alloc(700, 0x2e);
const acknowledgement = Buffer.alloc(4);

function writeSome(from: number): void {
  for (let number = from; number < from + 50; number += 1) {
    payload.writeUInt32BE(number, 1);
    recording.packet(number % 2 === 0 ? "upstream" : "downstream", 1, payload);
    if (number % 3 === 0) recording.fact({ kind: "local-reply", request: String(number) });
    else recording.flush();
    acknowledgement.writeUInt32BE(number);
    if (mode !== "--until-failure") writeSync(1, acknowledgement);
  }
  setImmediate(writeSome, from + 50);
}

process.on("uncaughtException", (error) => {
  const again = (() => {
    try {
      recording.flush();
      return "usable";
    } catch (second) {
      return second === error ? "same" : "other";
    }
  })();
  writeSync(1, JSON.stringify({ code: "code" in error ? error.code : "", message: error.message, again }));
  process.exit(0);
});
writeSome(0);
