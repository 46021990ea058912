/**
 * A real outpost, confined, with its cable, behind rules that lead a sandbox's packets to it as a fence does. Run by outpost.test.ts.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { cableFaults, layCable, liftCable } from "../../../gateway/firewall/outpost-cable.ts";
import { fencePlan } from "../../../gateway/firewall/plan.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import { logGroupOf, type NetworkFact } from "../../../gateway/model/network-facts.ts";
import { OUTPOST_PORTS, type OutpostConfiguration } from "../../../gateway/model/outpost-messages.ts";
import { spawnConfined } from "../../../gateway/warden/confine.ts";
import { spawnNetworkLog } from "../../../gateway/warden/network-log.ts";
import { outpostCertificate } from "../../../gateway/warden/outpost-certificate.ts";
import { Outpost } from "../../../gateway/warden/outpost.ts";
import {
  addSandbox,
  inside,
  labFile,
  layHost,
  ROUTED,
  run,
  SLOT,
  Talker,
} from "../../firewall/lab/network.ts";

export interface OutpostsReport {
  /** Of /proc/PID/status. */
  readonly outpost: Readonly<Record<string, string>>;
  readonly log: Readonly<Record<string, string>>;
  /** Listing of its network namespace's links. */
  readonly links: string;
  readonly faults: Readonly<Record<"laid" | "laidAgain" | "spoiled" | "lifted", readonly string[]>>;
  /** What the sandbox was answered, by what it did. */
  readonly answers: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, readonly ToldFact[]>>;
  /** Milliseconds from a packet to its fact. */
  readonly delay: number;
  readonly starts: number;
  readonly outlived: readonly string[];
  readonly linkAfterDeath: boolean;
}

export interface ToldFact {
  readonly sandbox: string | undefined;
  readonly mac: string | undefined;
  readonly fact: NetworkFact;
}

const BOX = "10.213.0.2";
/** For what happens in a moment where the machine is not busy; milliseconds. */
const PATIENCE = 30_000;
/** Less than the second after which the kernel tells what it held back; milliseconds. */
const MOMENT = 900;
const plan = fencePlan(SLOT, parseSubnet("10.213.0.0/20"));
const { bridge, outpost: cable } = plan;

layHost();
run(`
  ip link add ${bridge} type bridge
  ip address add ${plan.gateway}/20 dev ${bridge}
  ip link set ${bridge} up
`);
addSandbox("box", BOX, plan.gateway);
rules();
const resolver = await Talker.start("world", ["python3", "-uc", resolverProgram()]);

const told: ToldFact[] = [];
let starts = 0;
mkdirSync("/run/keys");
const tls = await outpostCertificate("/run/keys");
const configuration: OutpostConfiguration = {
  address: cable.address,
  subnet: plan.subnet.cidr,
  names: ["invent", "resolve"],
  resolvers: [ROUTED],
  largestName: 100,
  largestAnswer: 512,
  tls,
};
const outpost = new Outpost({
  configuration,
  log: pino({ level: "warn" }, pino.destination(2)),
  spawn: () =>
    spawnConfined({
      role: "outpost",
      slot: SLOT,
      entry: "gateway/outpost/main.ts",
      codeRoot: process.cwd(),
      folders: [],
    }),
  spawnLog: () => spawnNetworkLog(SLOT),
  started: async (pid) => {
    starts++;
    await layCable(cable, pid);
  },
});
outpost.onFact(({ sandbox, mac, fact }) => {
  told.push({ sandbox, mac, fact });
});
await outpost.start();
const pid = String(outpost.pid);
const faults: Record<"laid" | "laidAgain" | "spoiled" | "lifted", readonly string[]> = {
  laid: await cableFaults(cable),
  laidAgain: [],
  spoiled: [],
  lifted: [],
};
const answers: Record<string, string> = {};
const facts: Record<string, readonly ToldFact[]> = {};

await act("fenced", "timeout 20 bash -c 'echo x >/dev/udp/10.9.8.7/99' || true", 1);
// Held back, each comes a second late; on a busy machine one of them may.
let delay = Infinity;
for (let port = 100; port < 110 && delay >= MOMENT; port++) {
  const started = performance.now();
  await act(`fenced ${port}`, `timeout 20 bash -c 'echo x >/dev/udp/10.9.8.7/${port}' || true`, 1);
  delay = Math.min(delay, performance.now() - started);
}
await act("http", "curl -si --max-time 5 http://93.184.216.34:8080/", 1);
await act("https", "curl -sik --max-time 5 https://93.184.216.34/", 1);
await act(
  "smtp",
  `python3 -c 'import smtplib; m = smtplib.SMTP("93.184.216.34", 25, timeout=5); print(m.ehlo()); m.quit()'`,
  1,
);
await act("datagram", "timeout 20 bash -c 'printf hello >/dev/udp/93.184.216.34/123'", 1);
await act("name", ask("c2.example.com", "1.1.1.1"), 1);
await act(
  "spoofed",
  "ip address add 10.99.0.1/32 dev lo; curl -s --max-time 1 --interface 10.99.0.1 http://93.184.216.34/ || true",
  1,
);

await layCable(cable, Number(pid));
faults.laidAgain = await cableFaults(cable);
await act("http, the cable laid again", "curl -si --max-time 5 http://93.184.216.34/", 1);
run(
  `ip address del ${cable.host}/30 dev ${cable.link}; echo 0 >/proc/sys/net/ipv4/conf/${cable.link}/rp_filter`,
);
faults.spoiled = await cableFaults(cable);

outpost.configure({ ...configuration, names: ["resolve"] });
await layCable(cable, Number(pid));
// From when on it asks is to be seen only by asking, for a name that nobody asks for later.
for (const end = performance.now() + PATIENCE; performance.now() < end;)
  if ((await inside("box", ["sh", "-c", `${ask("first.world", "8.8.8.8")} 2>&1`])) === "93.184.216.99\n")
    break;
await act("real name", ask("www.world", "8.8.8.8"), 1, ({ fact }) => fact.name === "www.world");

outpost.configure({ ...configuration, address: undefined });
await until("it listens no more", () => !listens());
await liftCable(cable);
await liftCable(cable);
faults.lifted = await cableFaults(cable);
await act("http without a cable", "curl -s --max-time 1 http://93.184.216.34/ || echo nothing", 1);
await layCable(cable, Number(pid));
outpost.configure(configuration);
await until("it listens again", listens);
await act("http, the cable back", "curl -si --max-time 5 http://93.184.216.34/", 1);

const status = (of: string) =>
  Object.fromEntries(
    readFileSync(`/proc/${of}/status`, "utf8")
      .split("\n")
      .map((line) => line.split(/:\s*/, 2) as [string, string]),
  );
const outpostStatus = status(pid);
const logStatus = status(logPid());
const links = run(`nsenter -t ${pid} -n ip -br address`);

run(`kill -KILL ${pid}`);
// The kernel clears a namespace a while after its last process; what starts it again lays another cable.
const ofTheDead = run(`cat /sys/class/net/${cable.link}/ifindex 2>/dev/null || true`);
await restarted(1);
const linkAfterDeath = ofTheDead !== "" && ofTheDead === run(`cat /sys/class/net/${cable.link}/ifindex`);
await act("http after its death", "curl -si --max-time 5 http://93.184.216.34/", 1);
run(`kill -KILL ${logPid()}`);
await restarted(2);
await act("http after its log's death", "curl -si --max-time 5 http://93.184.216.34/", 1);
const children = [String(outpost.pid), logPid()];
await outpost[Symbol.asyncDispose]();
if (children.some(lives)) throw new Error("something of it outlived its end");

const outlived = await killWarden();
resolver.end();
const report: OutpostsReport = {
  ...{ outpost: outpostStatus, log: logStatus, links, faults, answers, facts, delay, starts, outlived },
  linkAfterDeath,
};
process.stdout.write(JSON.stringify(report), () => process.exit(0));

/** Does it in the sandbox, and takes what is told of it: as many facts as it should be, or what there is after a while. */
async function act(
  name: string,
  script: string,
  count: number,
  isOfIt: (one: ToldFact) => boolean = () => true,
): Promise<void> {
  told.length = 0;
  answers[name] = await inside("box", ["sh", "-c", `${script} 2>&1`]);
  const ofIt = () => told.filter(isOfIt);
  for (const end = performance.now() + PATIENCE; performance.now() < end && ofIt().length < count;)
    await sleep(5);
  facts[name] = ofIt();
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENCE; !isSo();) {
    if (performance.now() > end) throw new Error(`${what}: not within ${PATIENCE} ms`);
    await sleep(50);
  }
}

function listens(): boolean {
  return run(`nsenter -t ${outpost.pid ?? 0} -n ss -Hltn 'sport = :4000' || true`).includes(":4000");
}

/** As a fence leads packets, without its quotas. The log is not kept back until there is more of it. */
function rules(): void {
  const log = (rule: string) =>
    `log prefix "mbk:${rule}" group ${logGroupOf(SLOT)} snaplen 160 queue-threshold 1`;
  const from = `iifname "${bridge}"`;
  run(`nft -f - <<'END'
table inet lab {
  chain judge {
    type filter hook prerouting priority -150
    ${from} ct state established accept
    ${from} ip saddr != 10.213.0.0/20 ${log("spoofed")} drop
    ${from} udp dport 53 ${log("dns")} accept
    ${from} ip daddr 10.0.0.0/8 ${log("fence")} drop
    ${from} meta nfproto ipv4 ${log("sinkhole")} accept
  }
  chain lead {
    type nat hook prerouting priority -105
    ${from} ip daddr 8.8.8.8 udp dport 53 dnat ip to ${cable.address}:${OUTPOST_PORTS.dns}
    ${from} udp dport 53 dnat ip to ${cable.address}:${OUTPOST_PORTS.inventedDns}
    ${from} tcp dport 25 dnat ip to ${cable.address}:4025
    ${from} meta l4proto tcp dnat ip to ${cable.address}:4000
    ${from} meta l4proto udp dnat ip to ${cable.address}:4000
  }
}
END`);
}

/** Answers every question with one address. */
function resolverProgram(): string {
  return `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("${ROUTED}", 53))
print("ready")
while True:
    m, who = s.recvfrom(4096)
    end = m.index(b"\\0", 12) + 5
    s.sendto(m[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + m[12:end] + b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + bytes([93, 184, 216, 99]), who)
`;
}

function ask(name: string, server: string): string {
  const script = `const r = new (require("node:dns").promises.Resolver)(); r.setServers(["${server}"]); r.resolve4("${name}").then(a => console.log(a[0]))`;
  return `${process.execPath} -e '${script}'`;
}

function logPid(): string {
  return run(`pgrep -x tcpdump`).trim();
}

function restarted(times: number): Promise<void> {
  return until("it is started again", () => starts >= 1 + times && outpost.pid !== undefined && listens());
}

/** A warden that is killed in the middle of it all; what of its outpost lives on. */
async function killWarden(): Promise<string[]> {
  const warden = await Talker.start(undefined, [
    process.execPath,
    labFile("../../warden/lab/outpost-warden.ts"),
  ]);
  const child = await warden.ask("outpost?");
  const pids = { outpost: child, log: logPid() };
  if (!Object.values(pids).every(lives)) throw new Error("the warden has no outpost");
  await warden.kill();
  for (const end = performance.now() + 10_000; performance.now() < end;) {
    if (!Object.values(pids).some(lives)) break;
    await sleep(50);
  }
  return Object.entries(pids).flatMap(([name, each]) => (lives(each) ? [name] : []));
}

function lives(each: string): boolean {
  return existsSync(`/proc/${each}`) && !readFileSync(`/proc/${each}/stat`, "utf8").includes(") Z ");
}
