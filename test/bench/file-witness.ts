/**
 * `npm run bench:files`: the share of files caught that are run and deleted at once, by how long they live; and what the watching costs.
 * In a room of the test's own, which is to the kernel what a sandbox is. Needs root.
 */
import { readFileSync } from "node:fs";
import { openRoom, watch } from "../file-witness/sandbox-room.ts";
import { caught, liveShortly } from "../file-witness/short-lives.ts";

const FILES = 200;
/** Milliseconds. */
const LIFETIMES = [0, 5, 10, 20, 50, 100, 500, 5000];
const LOOP = 20_000;
/** USER_HZ */
const TICKS = 100;

await using room = await openRoom();
for (const lifetime of LIFETIMES) {
  await using watched = await watch(room);
  await liveShortly(room, { files: FILES, lifetime });
  const share = caught(await watched.stop(), { files: FILES, lifetime });
  process.stdout.write(
    `lived ${String(lifetime).padStart(5)} ms: ${share} of ${FILES} caught, ${watched.overflows()} overflows\n`,
  );
}

const loop = `perl -e 'for (1..${LOOP}) { open my $f, ">", "f"; print $f $_; close $f; unlink "f" }'`;
const alone = await timed(() => room.run(loop));
await using watched = await watch(room);
const together = await timed(() => room.run(loop));
const { pid } = watched.witness;
const cpu = pid === undefined ? NaN : cpuOf(pid);
await watched.stop();
process.stdout.write(
  `${LOOP} files written and deleted in a loop: ${rate(alone)}/s unwatched, ${rate(together)}/s watched, ` +
    `${((cpu / together) * 100).toFixed(0)} % of a core for the witness; ${watched.told.length} told, ` +
    `${watched.skipped()} counted, ${watched.overflows()} overflows\n`,
);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function rate(seconds: number): string {
  return (LOOP / seconds).toFixed(0);
}

/** Seconds of a processor that it has used. */
function cpuOf(process: number): number {
  const stat = readFileSync(`/proc/${process}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}
