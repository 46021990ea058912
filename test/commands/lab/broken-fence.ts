/**
 * Probes with a fence that is broken first, in whatever machine it is run on: only ever in a lab machine. Its argument says how;
 * prints the findings.
 */
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { pino } from "pino";
import { probe } from "../../../gateway/commands/probe/probe.ts";
import type { Stage } from "../../../gateway/commands/probe/stage.ts";
import { policySchema, type Policy } from "../../../gateway/model/policy.ts";
import { Engine } from "../../../gateway/sandbox/docker.ts";

const SMALL = { listen: ["127.0.0.1:2222"], sandbox: { most: 2, disk: "64m", memory: "64m" } };
const DENY = policySchema.parse(SMALL);
const SINKHOLE = policySchema.parse({ ...SMALL, network: { egress: "sinkhole" } });

async function sh(script: string): Promise<void> {
  await promisify(execFile)("sh", ["-ec", script]);
}

/** Every layer that the documentation names, one after the other. */
async function torn({ fence: { plan } }: Stage): Promise<void> {
  const { bridge, table, preferences } = plan;
  const ports = await readdir(`/sys/class/net/${bridge}/brif`);
  await sh(`
    nft delete table inet ${table}
    nft delete table bridge ${table}
    for pref in ${preferences.join(" ")}; do
      for family in -4 -6; do while ip $family rule del pref $pref 2>/dev/null; do :; done; done
    done
    tc qdisc del dev ${bridge} ingress
    echo 1 >/proc/sys/net/ipv4/conf/${bridge}/forwarding
    for port in ${ports.join(" ")}; do
      tc qdisc del dev $port ingress 2>/dev/null || tc qdisc del dev $port clsact 2>/dev/null || :
      echo 0 >/sys/class/net/$port/brport/isolated
    done
    iptables -P FORWARD ACCEPT
    iptables -F FORWARD`);
}

/** Somebody lets out more than the policy says; all layers stand. */
async function opened({ fence }: Stage): Promise<void> {
  await fence.change(policySchema.parse({ network: { egress: "limited" } }).network);
}

/** The outpost loses its cable, as it does when it dies. */
async function deserted({ fence }: Stage): Promise<void> {
  await sh(`ip link del ${fence.plan.outpost.link}`);
}

const WAYS: Readonly<Record<string, { policy: Policy; beforeTries: (stage: Stage) => Promise<void> }>> = {
  torn: { policy: DENY, beforeTries: torn },
  opened: { policy: DENY, beforeTries: opened },
  deserted: { policy: SINKHOLE, beforeTries: deserted },
};

const way = WAYS[process.argv[2] ?? ""];
if (!way) throw new Error(`one of ${Object.keys(WAYS).join(", ")}`);
const findings = await probe({
  ...way,
  engine: new Engine(),
  signal: new AbortController().signal,
  log: pino({ level: "silent" }),
});
process.stdout.write(JSON.stringify(findings));
