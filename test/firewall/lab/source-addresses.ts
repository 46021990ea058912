/** Many logins at once, each by a path of its own, to two sandboxes that say whom they see. Run by source-address.test.ts. */
import { connect, createServer } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { raiseFence, reapFence } from "../../../gateway/firewall/fence.ts";
import type { Path } from "../../../gateway/firewall/source-address.ts";
import { freeSubnet, parseSubnet } from "../../../gateway/firewall/subnet.ts";
import type { Endpoint } from "../../../gateway/model/endpoint.ts";
import { addSandbox, HOST, labFile, layHost, run, SLOT, Talker, WORLD, NETWORK } from "./network.ts";

export interface SourcesReport {
  /** What each visitor was shown as, beside what it should have been. */
  readonly crowd: readonly { readonly wanted: string; readonly seen: string }[];
  /** Milliseconds to open a path, sorted. */
  readonly opened: readonly number[];
  /** The attacker and what the sandbox saw; `bridge` is the bridge's address. */
  readonly special: Readonly<Record<string, string>>;
  /** One attacker that connects again and again from one port: addresses and whether the port differed. */
  readonly again: readonly string[];
  /** A connection that lives while the fence is put right, and one that is made after it. */
  readonly throughRepair: readonly string[];
  readonly busyPortAvoided: boolean;
  readonly refusedWithoutTable: string;
  /** What was free at first, then with the first of them routed elsewhere, then with our own bridge on it. */
  readonly subnets: readonly string[];
}

const SUBNET = parseSubnet("10.213.0.0/20");
const SANDBOXES = ["10.213.0.2", "10.213.0.3"];
const LOGINS = 300;
const AT_ONCE = 25;

layHost();
// Somebody's program listens on all addresses, on the first port that paths would take.
const busy = createServer();
await new Promise<void>((resolve) => busy.listen(10_000, "0.0.0.0", resolve));
const subnets = [(await freeSubnet(SLOT)).cidr];
run(`ip route add 10.213.0.0/16 via ${WORLD}`);
subnets.push((await freeSubnet(SLOT)).cidr);
run(`ip route del 10.213.0.0/16 via ${WORLD}`);
const fence = await raiseFence({ slot: SLOT, subnet: SUBNET, network: NETWORK });
subnets.push((await freeSubnet(SLOT)).cidr);
const servers = await Promise.all(
  SANDBOXES.map((address, index) => {
    addSandbox(`box${index}`, address, fence.plan.gateway);
    return Talker.start(`box${index}`, [process.execPath, labFile("peer-address.ts"), "22"]);
  }),
);

const firstPath = await fence.sources.openPath({ attacker: { address: "203.0.113.1", port: 1 } });
const busyPortAvoided = firstPath.localPort === 10_001;
busy.close();

const opened: number[] = [];
const crowd = await inCrowd(LOGINS, async (number) => {
  const attacker = { address: `198.51.${100 + (number >> 8)}.${number & 255}`, port: 20_000 + number };
  const startedAt = performance.now();
  await using path = await fence.sources.openPath({ attacker });
  opened.push(performance.now() - startedAt);
  return {
    wanted: `${attacker.address} ${attacker.port}`,
    seen: await visit(SANDBOXES[number % SANDBOXES.length] ?? "", path),
  };
});

const special: Record<string, string> = {};
for (const address of [
  "203.0.113.80",
  "::ffff:203.0.113.81",
  "192.168.77.5",
  "10.1.2.3",
  "2001:db8::7",
  "::1",
  "127.0.0.1",
  "0.0.0.0",
  "224.0.0.5",
  "255.255.255.255",
  "169.254.1.1",
  HOST,
  fence.plan.gateway,
  "10.213.0.3",
])
  special[address] = await seenAs({ address, port: 4242 });

// The attacker's own port is taken by its first connection; conntrack remembers it for two minutes.
const again: string[] = [];
for (let time = 0; time < 3; time++) again.push(await seenAs({ address: "203.0.113.99", port: 5000 }));

const throughRepair = [await acrossRepair(), await seenAs({ address: "203.0.113.111", port: 1111 })];

run(fence.engine === "nft" ? `nft delete table inet ${fence.plan.table}` : "iptables -t nat -F");
const refusedWithoutTable = await fence.sources
  .openPath({ attacker: { address: "203.0.113.5", port: 1 } })
  .then(
    () => "taken",
    (error: unknown) => (error as { code: string }).code,
  );

for (const server of servers) server.end();
await fence.sources[Symbol.asyncDispose]();
await reapFence(SLOT);
opened.sort((one, other) => one - other);
process.stdout.write(
  JSON.stringify({
    crowd,
    opened,
    special,
    again,
    throughRepair,
    busyPortAvoided,
    refusedWithoutTable,
    subnets,
  } satisfies SourcesReport),
);

async function seenAs(attacker: Endpoint): Promise<string> {
  await using path = await fence.sources.openPath({ attacker });
  const [address = "", port = ""] = (await visit(SANDBOXES[0] ?? "", path)).split(" ");
  return address === fence.plan.gateway ? "bridge" : `${address} ${port}`;
}

/** What an echo server says before and after the rules were replaced under a living connection. */
async function acrossRepair(): Promise<string> {
  const echo = await Talker.start("box1", [
    ...[process.execPath, "-e"],
    `require("net").createServer((s) => s.on("data", (d) => s.write(s.remoteAddress + " " + d)).on("error", () => {})).listen(2222, "0.0.0.0", () => console.log("ready"))`,
  ]);
  run(`ip netns exec box1 nft -f - <<'EOF'
table ip lab {
  chain input {
    type nat hook prerouting priority -100; policy accept;
    tcp dport 22 ip saddr 203.0.113.110 redirect to :2222
  }
}
EOF`);
  await using path = await fence.sources.openPath({ attacker: { address: "203.0.113.110", port: 1110 } });
  const { localAddress, localPort } = path;
  const socket = connect({ host: SANDBOXES[1] ?? "", port: 22, localAddress, localPort });
  socket.on("error", () => undefined);
  const said: string[] = [];
  for (const word of ["before", "after"]) {
    socket.write(word);
    const [answer] = (await Promise.race([once(socket, "data"), sleep(30_000, ["nothing"])])) as [
      Buffer | string,
    ];
    said.push(String(answer));
    await fence.repair();
  }
  socket.destroy();
  echo.end();
  return said.join(", ");
}

/** As a front connects. */
function visit(host: string, { localAddress, localPort }: Path): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: 22, localAddress, ...(localPort > 0 ? { localPort } : {}) });
    let said = "";
    socket.setTimeout(60_000, () => socket.destroy(new Error("no answer in 60 s")));
    socket.on("data", (chunk) => (said += String(chunk)));
    socket.once("error", reject);
    socket.once("end", () => {
      resolve(said.trim());
    });
  });
}

async function inCrowd<Result>(count: number, act: (number: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async () => {
    for (let number = next++; number < count; number = next++) results.push(await act(number));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
