/** What is chosen on a machine where one engine after the other does not work. Run by engines.test.ts. */
import { writeFileSync } from "node:fs";
import { command } from "../../../gateway/firewall/command.ts";
import { raiseFence, reapFence } from "../../../gateway/firewall/fence.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import { MitsubakoError } from "../../../gateway/model/errors.ts";
import { policySchema } from "../../../gateway/model/policy.ts";
import { layHost, run, SLOT } from "./network.ts";

export type EnginesReport = Readonly<Record<string, string>>;

layHost();
const report: Record<string, string> = {};
report["all works"] = await chosen("auto");
// What an earlier gateway with the other engine left, and died.
await raise("iptables");
report["after iptables"] = await chosen("nft");
report["left of iptables"] = run("iptables-save | grep -c mitsubako || true").trim();
await raise("nft");
report["after nft"] = await chosen("iptables");
report["left of nft"] = run("nft list tables | grep -c mitsubako || true").trim();
await reapFence(SLOT);
report["left of both"] = run(
  "nft list tables | grep -c mitsubako || true; iptables-save | grep -c mitsubako || true; ip6tables-save | grep -c mitsubako || true; ipset list -n",
)
  .replaceAll("\n", " ")
  .trim();
report["iptables without tables, nft"] = await withIptables(
  "can't initialize iptables table `filter'",
  3,
  () => chosen("nft"),
);
report["tables that nft changed, nft"] = await withIptables("Parsing nftables rule failed", 3, () =>
  chosen("nft", { egress: "deny" }),
);
// Two gateways, each with another engine, where Docker has a chain for both.
run("iptables -N DOCKER-USER; iptables -I FORWARD 1 -j DOCKER-USER");
const one = await raise("iptables");
await raise("nft", {}, SLOT + 1);
report["beside one with nft"] = (await one.check()).join();
report["reap, rules unreadable"] = await withIptables("Parsing nftables rule failed", 3, () =>
  reapFence(SLOT).then(() => "done", told),
);
for (const slot of [SLOT, SLOT + 1]) await reapFence(slot);
report["left of the two"] = run("iptables -S DOCKER-USER | grep -c mitsubako || true; ipset list -n").trim();
report["no program"] = await command("sh", ["-c", "true | nothing-of-this-name"]).catch(told);
report["iptables' two lines"] = await command("sh", [
  "-c",
  "printf 'iptables v1: \\nline 3: no\\n' >&2; exit 4",
]).catch(told);
run("mount --bind /bin/false $(readlink -f $(which nft))");
report["no nft, auto"] = await chosen("auto");
report["no nft, nft"] = await chosen("nft");
await reapFence(SLOT);
run("mount --bind /bin/false $(readlink -f $(which ipset))");
report["neither, auto"] = await chosen("auto");
report["neither, iptables"] = await chosen("iptables");
report["no bridge without rules"] = run("ip -br link | grep -c mbk || true").trim();
process.stdout.write(JSON.stringify(report satisfies EnginesReport));

/** What comes of it where iptables is there, and only ever says this. */
async function withIptables(says: string, code: number, work: () => Promise<string>): Promise<string> {
  writeFileSync("/run/iptables", `#!/bin/sh\necho "${says.replaceAll("`", "\\`")}" >&2\nexit ${code}\n`, {
    mode: 0o755,
  });
  run("mount --bind /run/iptables $(readlink -f $(which iptables))");
  const outcome = await work();
  run("umount $(readlink -f $(which iptables))");
  return outcome;
}

function told(error: unknown): string {
  return error instanceof MitsubakoError ? `${error.code}: ${error.message}` : String(error);
}

async function raise(engine: "auto" | "nft" | "iptables", more: object = {}, slot = SLOT) {
  const { network } = policySchema.parse({ network: { engine, egress: "limited", ...more } });
  const fence = await raiseFence({ slot, subnet: parseSubnet(`10.2${slot}.0.0/20`), network });
  await fence.sources[Symbol.asyncDispose]();
  return fence;
}

async function chosen(engine: "auto" | "nft" | "iptables", more: object = {}): Promise<string> {
  try {
    return (await raise(engine, more)).engine;
  } catch (error) {
    return String(error);
  }
}
