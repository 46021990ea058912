/**
 * What becomes of sandboxes when somebody on the host has rules of their own beside ours, or takes away a part of what the kernel keeps
 * of them. Run by engines.test.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { raiseFence, reapFence, type Fence } from "../../../gateway/firewall/fence.ts";
import { IptablesPaths } from "../../../gateway/firewall/iptables-paths.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import { policySchema } from "../../../gateway/model/policy.ts";
import {
  addSandbox,
  inside,
  labFile,
  layHost,
  macOf,
  NETWORK,
  ROUTED,
  run,
  SLOT,
  Talker,
} from "./network.ts";

export interface ByHandReport {
  /** Of a download over the cap, in bytes. */
  readonly downloaded: number;
  /** What the look says, and again after it was put right. */
  readonly lostCount: readonly string[];
  readonly afterRepair: readonly string[];
  readonly spentAfterRepair: boolean;
  readonly denied: readonly { readonly direction: string; readonly limit: number }[];
  /** Names of sets that could be taken away. */
  readonly lostSets: readonly string[];
  /** Rules of a path after its time, though no other came. */
  readonly leftOfPath: number;
}

const engine = NETWORK.engine === "iptables" ? "iptables" : "nft";
const ONE = "10.213.0.10";
const CAP = 2 ** 20;
const LOSE_ONE_COUNT = {
  nft: `nft flush map inet mitsubako${SLOT} down`,
  iptables: `ipset flush mitsubako${SLOT}-down`,
}[engine];

layHost();
// As on a host with several ways to the Internet, whose own rules give each packet its connection's mark.
run("iptables -t mangle -A FORWARD -j CONNMARK --restore-mark");
const fence = await raise({ egress: "limited", caps: { down: CAP } });
await fence.admit(ONE);
addSandbox("one", ONE, fence.plan.gateway);
fence.isolate();
await fence.letOut({ address: ONE, port: "port-one", mac: macOf("one", "eth0") });
const peer = ["/usr/bin/python3", labFile("peer.py")];
const world = await Talker.start("world", [...peer, "serve", ROUTED, "80"]);
const download = JSON.stringify([{ to: ROUTED, port: 80, down: 8 * CAP }]);
const [went] = JSON.parse(await inside("one", [...peer, "try", download])) as { bytes?: number }[];
world.end();
await fence.renewCaps();
run(LOSE_ONE_COUNT);
const lostCount = await fence.check();
await fence.repair();
const afterRepair = await fence.check();
const spentAfterRepair = (await fence.caps()).every(({ spent }) => spent);
run("ip link del port-one; ip netns del one");
await end(fence);

const shut = await raise({ caps: { up: CAP, down: CAP } });
await shut.admit(ONE);
const denied = (await shut.caps()).map(({ direction, limit }) => ({ direction, limit }));
const lostSets = run(
  "for set in $(ipset list -n); do ipset destroy $set 2>/dev/null && echo $set || true; done",
);
const leftOfPath = engine === "iptables" ? await pathOf(shut) : 0;
await end(shut);
const report: ByHandReport = {
  ...{ downloaded: went?.bytes ?? NaN, lostCount, afterRepair, spentAfterRepair },
  ...{ denied, leftOfPath, lostSets: lostSets.split("\n").filter((name) => name !== "") },
};
process.stdout.write(JSON.stringify(report));

async function pathOf({ plan }: Fence): Promise<number> {
  const rules = () => Number(run(`iptables -t nat -S ${plan.table}-shown | grep -c SNAT || true`));
  await using paths = new IptablesPaths(plan, 300);
  await paths.add({ localPort: 10_001, address: "203.0.113.7", port: 7 });
  if (rules() !== 1) return NaN;
  for (let wait = 0; wait < 50 && rules() > 0; wait++) await sleep(100);
  return rules();
}

function raise(network: object): Promise<Fence> {
  const policy = policySchema.parse({ network: { engine, ...network } });
  return raiseFence({ slot: SLOT, subnet: parseSubnet("10.213.0.0/20"), network: policy.network });
}

async function end(raised: Fence): Promise<void> {
  await raised.sources[Symbol.asyncDispose]();
  await reapFence(SLOT);
}
