/**
 * Stands between a client and a server program on standard input and output and writes down what passes, in its order:
 * `node between.ts LOG PROGRAM [ARGUMENT...]`. Under the name of ssh (`scp -S`), what stands before the remote command is skipped:
 * `node between.ts LOG --ssh ... HOST COMMAND` runs COMMAND by a shell.
 */
import { spawn } from "node:child_process";
import { openSync, writeSync } from "node:fs";

const [logPath = "", ...rest] = process.argv.slice(2);
const [program = "", ...args] = rest[0] === "--ssh" ? ["sh", "-c", rest.at(-1) ?? ""] : rest;
const log = openSync(logPath, "a");
writeSync(log, `${JSON.stringify(["command", Buffer.from(rest.at(-1) ?? "").toString("base64")])}\n`);
const server = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });

process.stdin.on("data", (chunk: Buffer) => {
  note("downstream", chunk);
  server.stdin.write(chunk);
});
process.stdin.on("end", () => server.stdin.end());
server.stdin.on("error", () => undefined);
server.stdout.on("data", (chunk: Buffer) => {
  note("upstream", chunk);
  process.stdout.write(chunk);
});
server.on("exit", (code) => {
  process.exitCode = code ?? 1;
  process.stdin.destroy();
});

function note(from: string, chunk: Buffer): void {
  writeSync(log, `${JSON.stringify([from, chunk.toString("base64")])}\n`);
}
