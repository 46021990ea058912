/**
 * Starts probes in confinement, behind a raised fence, with a checkout that lies under a closed home and an engine
 * socket that is open to all. Run by confine.test.ts.
 */
import type { ChildProcess } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { raiseFence } from "../../../gateway/firewall/fence.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import { ARCHIVIST_INDEX, childUid } from "../../../gateway/model/slot.ts";
import { spawnConfined, type Confinement } from "../../../gateway/warden/confine.ts";
import { addSandbox, labFile, layHost, run, SLOT, Talker, NETWORK } from "../../firewall/lab/network.ts";
import type { ProbeReport } from "./probe.ts";

export interface ConfinedReport {
  readonly front: ProbeReport;
  readonly captured: ProbeReport;
  readonly archivist: ProbeReport;
  readonly accepted: string;
  readonly started: number;
  readonly mountsLeft: string;
  /** Whether a child lived on after its warden was killed with SIGKILL. */
  readonly outlived: boolean;
}

const SANDBOX = "10.213.0.2";
const CODE = "/root/checkout";
const DATA = "/root/data";

layHost();
const fence = await raiseFence({ slot: SLOT, subnet: parseSubnet("10.213.0.0/20"), network: NETWORK });
addSandbox("box", SANDBOX, fence.plan.gateway);
await Talker.start("box", [process.execPath, labFile("peer-address.ts"), "22"]);
const docker = await listenOn("/run/docker.sock");
chmodSync("/run/docker.sock", 0o777);
const service = await listenOn(2375);

run(
  `mount -t tmpfs -o mode=0700 tmpfs /root; mkdir ${CODE}; mount --bind ${process.cwd()} ${CODE}; mkdir -m 0711 ${DATA}`,
);
for (const [name, index] of [
  ["0", 0],
  ["1", 1],
  ["9", ARCHIVIST_INDEX],
] as const) {
  mkdirSync(`${DATA}/${name}`, { mode: 0o700 });
  chownSync(`${DATA}/${name}`, childUid(SLOT, index), childUid(SLOT, index));
}
mkdirSync(`${DATA}/notes`);
for (const file of ["1/theirs", "notes/note"]) writeFileSync(`${DATA}/${file}`, "x", { mode: 0o666 });

const mountsBefore = run("cat /proc/self/mounts");
const startedAt = performance.now();
const [child, front] = await probe({ role: "front", index: 0 }, "0");
const started = performance.now() - startedAt;
const server = await listenOn(0);
child.send("listen", server);
const accepted = await visit(server);
child.disconnect();

// What is left when Node's permission model is overcome: it is switched off but for the flag itself.
const opened = [
  "--allow-fs-read=/",
  "--allow-fs-write=/",
  "--allow-child-process",
  "--allow-worker",
  "--allow-net",
];
const [other, captured] = await probe({ role: "front", index: 0, nodeFlags: opened }, "0");
const [third, archivist] = await probe({ role: "archivist", nodeFlags: opened }, "9");
for (const each of [other, third]) each.disconnect();
for (const each of [child, other, third]) if (each.exitCode === null) await once(each, "exit");
const outlived = await killWarden();
const mountsLeft = run("cat /proc/self/mounts") === mountsBefore ? "" : run("cat /proc/self/mounts");
for (const each of [docker, service, server]) each.close();

const report: ConfinedReport = { front, captured, archivist, accepted, started, mountsLeft, outlived };
process.stdout.write(JSON.stringify(report), () => process.exit(0));

async function probe(
  who: Pick<Confinement, "role"> & Partial<Confinement>,
  folder: string,
): Promise<[ChildProcess, ProbeReport]> {
  const child = await spawnConfined({
    slot: SLOT,
    entry: "test/warden/lab/probe.ts",
    codeRoot: CODE,
    folders: [
      { host: `${DATA}/${folder}`, name: "live", writable: true },
      { host: `${DATA}/notes`, name: "notes", writable: false },
    ],
    environment: { PROBE_PATHS: JSON.stringify({ other: `${DATA}/1/theirs`, sandbox: SANDBOX }) },
    ...who,
    nodeFlags: ["--allow-fs-read=/proc/self", ...(who.nodeFlags ?? [])],
  });
  const first = await Promise.race([once(child, "message"), once(child, "exit").then(() => undefined)]);
  if (!first) throw new Error(`the ${who.role} ended before it reported`);
  return [child, first[0] as ProbeReport];
}

/** A child that would not end by itself: its warden is stopped before it can see that the channel closed. */
async function killWarden(): Promise<boolean> {
  const warden = await Talker.start(undefined, [
    process.execPath,
    labFile("../../warden/lab/warden.ts"),
    CODE,
  ]);
  const pid = Number(await warden.ask("child?"));
  await warden.kill();
  const lives = () =>
    existsSync(`/proc/${pid}`) && !run(`cat /proc/${pid}/stat 2>/dev/null || true`).includes(") Z ");
  for (const end = performance.now() + 10_000; performance.now() < end && lives();) await sleep(50);
  return lives();
}

async function listenOn(where: number | string): Promise<Server> {
  const server = createServer((socket) => socket.end("warden\n"));
  await new Promise<void>((resolve) => {
    if (typeof where === "string") server.listen(where, resolve);
    else server.listen(where, "127.0.0.1", resolve);
  });
  return server;
}

/** Both hold the socket; the warden's copy is closed, so that the child is who answers. */
async function visit(server: Server): Promise<string> {
  const address = server.address();
  await sleep(200);
  server.close();
  if (typeof address !== "object" || !address) return "no address";
  const socket = connect(address.port, "127.0.0.1");
  const [said] = (await once(socket, "data")) as [Buffer];
  return said.toString().trim();
}
