import { readFile, readlink, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { MitsubakoError } from "../model/errors.ts";
import { command } from "./command.ts";
import type { OutpostCable } from "./plan.ts";

/** The outpost's end, in its own network namespace. */
const INNER = "world0";
/** How long the process may take to be in a namespace of its own, in milliseconds. */
const NAMESPACE_DEADLINE = 5000;

/**
 * Connects the host with the network namespace that the process `pid` has for itself. Can be called again at any time; a cable to
 * another process is replaced. It ends with that namespace, that is, with the process.
 *
 * @throws MitsubakoError `firewall-failed`, `tool-missing`.
 */
export async function layCable(cable: OutpostCable, pid: number): Promise<void> {
  const { link, host, address, prefix } = cable;
  await ownNamespace(pid);
  const inside = (...args: string[]) => command("nsenter", ["-t", String(pid), "-n", "--", ...args]);
  if (!(await leadsTo(link, pid))) {
    await liftCable(cable);
    // Its other end is made where it belongs and was never in the host's namespace.
    await command("ip", [
      ...["link", "add", link, "type", "veth"],
      ...["peer", "name", INNER, "netns", String(pid)],
    ]);
  }
  for (const [path, value] of hostSettings(link)) await write(path, value);
  for (const other of (await readLink(link))?.addresses ?? [])
    if (other !== `${host}/${prefix}`) await command("ip", ["address", "del", other, "dev", link]);
  await command("ip", ["address", "replace", `${host}/${prefix}`, "dev", link]);
  await command("ip", ["link", "set", link, "up"]);
  await inside("sh", "-ec", INNER_SETTINGS);
  await inside("ip", "address", "replace", `${address}/${prefix}`, "dev", INNER);
  await inside("ip", "link", "set", INNER, "up");
  await inside("ip", "route", "replace", "default", "via", host, "dev", INNER);
}

/** Both ends go. Nothing is done where there is no cable. */
export async function liftCable({ link }: Pick<OutpostCable, "link">): Promise<void> {
  if (await readLink(link)) await command("ip", ["link", "del", link], { accept: [0, 1] });
}

/** What is not as it should be at the host's end, one sentence each. */
export async function cableFaults({ link, host, prefix }: OutpostCable): Promise<string[]> {
  const found = await readLink(link);
  if (!found) return [`the cable ${link} to the outpost does not exist`];
  const faults: string[] = [];
  if (!found.up) faults.push(`the cable ${link} to the outpost is down`);
  if (!found.addresses.includes(`${host}/${prefix}`)) faults.push(`${link} has lost its address ${host}`);
  for (const other of found.addresses)
    if (other !== `${host}/${prefix}`) faults.push(`${link} has another address, ${other}`);
  for (const [path, value] of hostSettings(link))
    if ((await readFile(path, "utf8").catch(() => value)).trim() !== value)
      faults.push(`${path} is not ${value}`);
  return faults;
}

/** What comes from the outpost is routed; the rules say where to. */
function hostSettings(link: string): [path: string, value: string][] {
  const four = `/proc/sys/net/ipv4/conf/${link}`;
  return [
    [`${four}/forwarding`, "1"],
    [`${four}/rp_filter`, "1"],
    [`${four}/arp_ignore`, "1"],
    [`${four}/proxy_arp`, "0"],
    [`${four}/route_localnet`, "0"],
    [`${four}/accept_redirects`, "0"],
    [`${four}/send_redirects`, "0"],
    [`${four}/accept_source_route`, "0"],
    [`/proc/sys/net/ipv6/conf/${link}/disable_ipv6`, "1"],
  ];
}

/** In a namespace of its own these are the outpost's alone. It has no capability, and must listen on port 53. */
const INNER_SETTINGS = `
ip link set lo up
echo 53 >/proc/sys/net/ipv4/ip_unprivileged_port_start
echo 0 >/proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/ipv6/conf/all/disable_ipv6 ]; then echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; fi
`;

async function write(path: string, value: string): Promise<void> {
  await writeFile(path, value).catch((error: unknown) => {
    // A kernel without IPv6 has nothing to switch off.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || !path.includes("/ipv6/")) throw error;
  });
}

/** A process that was only just started may still be in ours; a cable laid then would end in the host itself. */
async function ownNamespace(pid: number): Promise<void> {
  const ours = await readlink("/proc/self/ns/net");
  const deadline = Date.now() + NAMESPACE_DEADLINE;
  while (Date.now() < deadline) {
    const its = await readlink(`/proc/${pid}/ns/net`).catch(() => undefined);
    if (its === undefined) break;
    if (its !== ours) return;
    await sleep(10);
  }
  throw new MitsubakoError("firewall-failed", `The outpost (process ${pid}) has no network of its own.`);
}

interface FoundLink {
  readonly up: boolean;
  readonly addresses: readonly string[];
  readonly index: number | undefined;
  /** Index of the other end, in the other end's namespace. */
  readonly peer: number | undefined;
}

async function leadsTo(link: string, pid: number): Promise<boolean> {
  const [outer, inner] = [await readLink(link), await readLink(INNER, pid)];
  return (
    outer?.peer !== undefined &&
    inner?.peer !== undefined &&
    outer.peer === inner.index &&
    inner.peer === outer.index
  );
}

async function readLink(name: string, pid?: number): Promise<FoundLink | undefined> {
  const list = ["-j", "address", "show", "type", "veth"];
  const printed = await (pid === undefined
    ? command("ip", list)
    : command("nsenter", ["-t", String(pid), "-n", "--", "ip", ...list]));
  const links = JSON.parse(printed.trim() === "" ? "[]" : printed) as {
    ifname?: string;
    ifindex?: number;
    link_index?: number;
    flags?: string[];
    addr_info?: { local: string; prefixlen: number }[];
  }[];
  const link = links.find(({ ifname }) => ifname === name);
  return (
    link && {
      up: link.flags?.includes("LOWER_UP") ?? false,
      addresses: (link.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`),
      index: link.ifindex,
      peer: link.link_index,
    }
  );
}
