/** Writes far more to standard output than anybody reads, and says on standard error how it went. Run by standard-output.test.ts. */
import { PassThrough } from "node:stream";
import { StdoutSink } from "../../../gateway/events/sink-stdout.ts";
import { standardOutput } from "../../../gateway/warden/standard-output.ts";

const event = {
  eventid: "cowrie.command.input",
  session: "0a1b2c3d4e5f",
  mitsubako_sequence: 0,
  input: "x".repeat(1000),
} as const;
const batch = Array.from({ length: 100 }, () => event);
const problems: string[] = [];

if (process.argv[2] === "archivist") {
  const sink = new StdoutSink((problem) => problems.push(problem));
  for (let round = 0; round < 300; round++) {
    sink.write(batch);
    await new Promise(setImmediate);
  }
} else {
  // As the warden passes on what the archivist prints.
  const printed = new PassThrough();
  printed.pipe(standardOutput(), { end: false });
  let refused = 0;
  for (let round = 0; round < 300; round++) {
    if (!printed.write(Buffer.alloc(100_000, "x\n"))) refused++;
    await new Promise(setImmediate);
  }
  if (refused > 250) problems.push("its writer was told to wait");
}
process.stderr.write(JSON.stringify(problems), () => process.exit());
