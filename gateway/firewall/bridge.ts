import { randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { command } from "./command.ts";
import type { Egress } from "./egress.ts";
import { ingressFilter } from "./ingress-filter.ts";
import type { FencePlan } from "./plan.ts";

/**
 * The bridge is made here and not by Docker, which uses one that is there: so that it never exists without its fence,
 * and so that its frames are shown to netfilter whatever the machine's `bridge-nf-call` settings say.
 */
export async function raiseBridge(plan: FencePlan, egress: Egress): Promise<void> {
  const { bridge, gateway, subnet } = plan;
  if (!(await readBridge(bridge))) {
    // Its own address, or it would take a port's; of the vendor that most virtual servers have.
    await command("ip", ["link", "add", bridge, "address", virtualAddress(), "type", "bridge"]);
  }
  await command("ip", [
    "link",
    "set",
    bridge,
    "type",
    "bridge",
    ...BRIDGE_OPTIONS.flatMap(([name, value]) => [name, value]),
  ]);
  await writeSettings(bridge, egress.isOpen);
  const wanted = `${gateway}/${subnet.prefix}`;
  const held = (await readBridge(bridge))?.addresses ?? [];
  for (const other of held)
    if (other !== wanted) await command("ip", ["address", "del", other, "dev", bridge]);
  if (!held.includes(wanted)) await command("ip", ["address", "add", wanted, "brd", "+", "dev", bridge]);
  await command("tc", ["qdisc", "replace", "dev", bridge, "ingress"]);
  await command("tc", [
    ...filterAt(bridge, "replace"),
    "bpf",
    "direct-action",
    "bytecode",
    ingressFilter(plan, egress),
  ]);
  await command("ip", ["link", "set", bridge, "up"]);
}

/** Removing the bridge takes its classifier, addresses and settings with it. */
export async function lowerBridge(bridge: string): Promise<void> {
  if (await readBridge(bridge)) await command("ip", ["link", "del", bridge]);
}

/** The IPv4 networks whose addresses the bridge holds, such as `10.203.0.1/20`. Empty where there is no bridge. */
export async function networksOn(bridge: string): Promise<string[]> {
  return ((await readBridge(bridge))?.addresses ?? []).filter((address) => !address.includes(":"));
}

/**
 * Bars every port of the bridge from every other in the bridge itself: nothing, not even ARP or a frame of an unknown
 * protocol, passes between two sandboxes. To be called after a container is started and before anybody is let in.
 * Synchronous, as sysfs answers from memory: 0.2 ms with 100 ports that are barred already.
 */
export function isolatePorts(bridge: string, done: Set<string> = new Set()): void {
  for (const port of portsOf(bridge)) {
    if (done.has(port)) continue;
    try {
      writeFileSync(`${portFolder(port)}/isolated`, "1");
      done.add(port);
    } catch (error) {
      // A container that ended meanwhile took its port along.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

/** @param barred names of the ports that were isolated: one that has just come is no fault. */
export async function bridgeFaults(
  plan: FencePlan,
  egress: Egress,
  barred: ReadonlySet<string>,
): Promise<string[]> {
  const { bridge, gateway, subnet } = plan;
  const found = await readBridge(bridge);
  if (!found) return [`the bridge ${bridge} does not exist`];
  const faults: string[] = [];
  if (!found.addresses.includes(`${gateway}/${subnet.prefix}`))
    faults.push(`${bridge} has lost its address ${gateway}`);
  for (const other of found.addresses)
    if (other !== `${gateway}/${subnet.prefix}`) faults.push(`${bridge} has another address, ${other}`);
  for (const [name, value] of BRIDGE_OPTIONS)
    if (found.options[name] !== Number(value)) faults.push(`${bridge}: ${name} is not ${value}`);
  for (const [path, value] of settings(bridge, egress.isOpen))
    if ((await readSetting(path)) !== value) faults.push(`${path} is not ${value}`);
  if (!(await hasFilter(plan, egress))) faults.push(`the classifier on ${bridge} is not what it should be`);
  for (const port of portsOf(bridge)) {
    if (!barred.has(port)) continue;
    const isolated = await readSetting(`${portFolder(port)}/isolated`);
    if (isolated === "0") faults.push(`the port ${port} of ${bridge} is not isolated`);
  }
  return faults;
}

/** In the order of `ip link … type bridge`. Netfilter sees bridged frames; no spanning tree, no snooping of multicast. */
const BRIDGE_OPTIONS = [
  ["nf_call_iptables", "1"],
  ["nf_call_ip6tables", "1"],
  ["nf_call_arptables", "1"],
  ["stp_state", "0"],
  ["forward_delay", "0"],
  ["mcast_snooping", "0"],
] as const;

/**
 * Only settings whose meaning does not depend on the machine's `all`. `forwarding` 0, unless the policy opens a way out: what
 * comes from the bridge is not routed, whatever `ip_forward` says.
 */
function settings(bridge: string, isOpen: boolean): [path: string, value: string][] {
  const four = `/proc/sys/net/ipv4/conf/${bridge}`;
  return [
    [`${four}/forwarding`, isOpen ? "1" : "0"],
    [`${four}/rp_filter`, "1"],
    // Answers only for the address of the bridge itself, so that a sandbox cannot ask out the host's others.
    [`${four}/arp_ignore`, "1"],
    [`${four}/arp_announce`, "2"],
    [`${four}/proxy_arp`, "0"],
    [`${four}/route_localnet`, "0"],
    [`${four}/accept_redirects`, "0"],
    [`${four}/send_redirects`, "0"],
    [`${four}/accept_source_route`, "0"],
    [`/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`, "1"],
    // The reverse path of what is forwarded is looked up with the packet's mark, without which our routes are shut; on every
    // interface, as answers come in by the machine's own. WireGuard sets the same. It stays: others may need it by then.
    ...(isOpen ? ([["/proc/sys/net/ipv4/conf/all/src_valid_mark", "1"]] as [string, string][]) : []),
  ];
}

async function writeSettings(bridge: string, isOpen: boolean): Promise<void> {
  for (const [path, value] of settings(bridge, isOpen)) {
    await writeFile(path, value).catch((error: unknown) => {
      // A kernel without IPv6 has nothing to switch off.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || !path.includes("/ipv6/")) throw error;
    });
  }
}

/** Undefined where the kernel has no such setting, or the thing is gone. */
async function readSetting(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch {
    return path.includes("/ipv6/") ? "1" : undefined;
  }
}

interface FoundBridge {
  readonly addresses: readonly string[];
  readonly options: Readonly<Record<string, number>>;
}

async function readBridge(bridge: string): Promise<FoundBridge | undefined> {
  const links = JSON.parse(
    (await command("ip", ["-d", "-j", "address", "show", "type", "bridge"])) || "[]",
  ) as {
    ifname?: string;
    addr_info?: { family: string; local: string; prefixlen: number }[];
    linkinfo?: { info_data?: Record<string, number> };
  }[];
  const link = links.find(({ ifname }) => ifname === bridge);
  if (!link) return undefined;
  return {
    addresses: (link.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    options: link.linkinfo?.info_data ?? {},
  };
}

export function portsOf(bridge: string): string[] {
  try {
    return readdirSync(`/sys/class/net/${bridge}/brif`);
  } catch {
    return [];
  }
}

function portFolder(port: string): string {
  return `/sys/class/net/${port}/brport`;
}

function filterAt(bridge: string, verb: string): string[] {
  return ["filter", verb, "dev", bridge, "parent", "ffff:", "protocol", "all", "prio", "1", "handle", "1"];
}

async function hasFilter(plan: FencePlan, egress: Egress): Promise<boolean> {
  const shown = await command("tc", ["filter", "show", "dev", plan.bridge, "parent", "ffff:"], {
    accept: [0, 1, 2],
  });
  return shown.includes("direct-action") && shown.includes(`bytecode '${ingressFilter(plan, egress)}'`);
}

function virtualAddress(): string {
  return `52:54:00:${[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
}
