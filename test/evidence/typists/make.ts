/** Makes the recordings of this folder again, with a real gateway, a real client and terminals: `sudo node test/evidence/typists/make.ts`. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readEvidence } from "../../../gateway/evidence/read.ts";
import {
  finishedSessions,
  eventually,
  run,
  ssh,
  startGateway,
  clientOptions,
} from "../../gateway/harness.ts";

const MANNERS = [
  ...[
    "metronome",
    "slow-metronome",
    "unsteady-metronome",
    "pretender",
    "rattle",
    "hand",
    "hand-with-slips",
    "quick-hand",
  ],
  ...["few-keys", "expect", "sleeper", "paste", "marked-paste", "line-by-line"],
];

await using gateway = await startGateway();
const who = (number: number) => ({ user: "root", password: "123456", from: `127.0.9.${number + 1}` });
const typed = MANNERS.map(async (manner, number) => {
  const command = ["sshpass", "-e", "ssh", "-tt", "-p", String(gateway.port), ...clientOptions(who(number))];
  const { code, stderr } = await run(
    "python3",
    [join(import.meta.dirname, "type.py"), manner, ...command, "root@127.0.0.1"],
    { env: { SSHPASS: "123456", TERM: "xterm-256color" }, within: 120_000 },
  );
  if (code !== 0) throw new Error(`${manner}: ${stderr.toString()}`);
});
const piped = ssh(gateway, { ...who(100), options: ["-tt"] }, [], {
  input: "uname -a\nid\nw\ncat /etc/issue\nexit\n",
});
const exec = ssh(gateway, who(101), ["uname -a; id; w"]);
await Promise.all([...typed, piped, exec]);
const folders = await eventually("all sessions are over", async () => {
  const found = await finishedSessions(gateway);
  return found.length === MANNERS.length + 2 ? found : undefined;
});
for (const folder of folders) {
  const path = join(folder, "session.mbr");
  const source = (await readEvidence(path)).evidence.summary.opened?.source.address;
  const number = Number(source?.split(".").at(-1)) - 1;
  const name = MANNERS[number] ?? (number === 100 ? "piped" : "exec");
  await writeFile(join(import.meta.dirname, `${name}.mbr`), await readFile(path));
}
