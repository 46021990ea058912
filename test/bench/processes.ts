/**
 * `npm run bench:processes`: short processes by the thousand a second in one sandbox's process namespace: the share of execs that is seen,
 * and what the seeing costs; and what it costs every system call of the machine. Needs root.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildStatic } from "../../gateway/warden/static-program.ts";
import { run } from "../gateway/harness.ts";
import { Lab } from "../watcher/lab.ts";

const SECONDS = 10;
const CALLS = 5_000_000;
/** USER_HZ */
const TICKS = 100;

const folder = mkdtempSync(join(tmpdir(), "mitsubako-bench-processes-"));
const program = await buildStatic(join(import.meta.dirname, "short-processes.c"), folder);
const callsAlone = await calls();
for (const rate of [100, 1000, 2000]) {
  const alone = await spent(program, rate);
  await using lab = await Lab.start();
  const before = { seen: lab.executed, own: process.cpuUsage(), tap: cpuOf(lab.tapPid) };
  await lab.run(`${program} ${rate * SECONDS} ${rate} > ${folder}/watched; chmod 600 ${folder}/watched`);
  const [wall = NaN, watched = NaN] = numbers(readFileSync(`${folder}/watched`, "utf8"));
  // The shell's own: the program itself, chmod and the mark.
  const seen = lab.executed - before.seen - 3;
  const own = process.cpuUsage(before.own);
  const percent = (cpu: number) => `${((cpu / wall) * 100).toFixed(1)} %`;
  process.stdout.write(
    `${rate} a second asked, ${((rate * SECONDS) / wall).toFixed(0)} reached: ${seen} of ${rate * SECONDS} seen; of a core ` +
      `${percent(alone)} for the processes alone, ${percent(watched - alone)} more when watched, ` +
      `${percent(cpuOf(lab.tapPid) - before.tap)} for the loader, ${percent((own.user + own.system) / 1e6)} for the watcher (and this)\n`,
  );
}
const lab = await Lab.start();
const callsWatched = await calls();
await lab[Symbol.asyncDispose]();
process.stdout.write(
  `a system call of any process of the machine: ${callsAlone.toFixed(0)} ns, ${callsWatched.toFixed(0)} ns while sandboxes are watched\n`,
);
rmSync(folder, { recursive: true });

/** Seconds of a processor. */
async function spent(path: string, rate: number): Promise<number> {
  const { stdout } = await run(path, [String(rate * SECONDS), String(rate)]);
  return numbers(stdout.toString())[1] ?? NaN;
}

/** Nanoseconds of a processor, the least of some tries. */
async function calls(): Promise<number> {
  const tries: number[] = [];
  for (let one = 0; one < 7; one++) {
    const { stdout } = await run(program, [String(CALLS), "0"]);
    tries.push(((numbers(stdout.toString())[1] ?? NaN) / CALLS) * 1e9);
  }
  return Math.min(...tries);
}

function numbers(text: string): number[] {
  return text.trim().split(" ").map(Number);
}

/** Seconds of a processor that it has used. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
