import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { bridgeOf, shaperPrefixOf } from "../model/slot.ts";
import { portsOf } from "./bridge.ts";
import { command } from "./command.ts";
import type { FencePlan } from "./plan.ts";
import { foreignAt, linkFaults, portFaults } from "./shaper-faults.ts";
import { shapingOf, type PortPlan, type ShapedClass, type ShapedLink, type Shaping } from "./shaping.ts";
import { readLinks, tc, type ShownLink } from "./tc.ts";

/**
 * Puts filter and bandwidth on a sandbox's port, over whatever is there: at first after its container's start and
 * before anybody is let in, later to change the bandwidth. The filter is replaced as one, and no connection ends.
 * What comes from the sandbox is shaped on a device of its own; if that is gone, it is dropped.
 *
 * @throws MitsubakoError `firewall-failed`, `tool-missing`: then nobody may be let in.
 */
export function armPort(plan: FencePlan, port: PortPlan): Promise<void> {
  return inTurn(() => armNow(plan, port));
}

async function armNow(plan: FencePlan, port: PortPlan): Promise<void> {
  const shaping = shapingOf(plan, port, bridgeMac(plan));
  try {
    const held = isHeld(shaping.upLink, port.port) && isUp(shaping.upLink) ? [shaping.upLink] : [];
    const shown = await readLinks([port.port, ...held]);
    const down = shown.get(port.port);
    const up = shown.get(shaping.upLink);
    if (!(down && foreignAt(down)) && !(up && foreignAt(up))) {
      await apply(port.port, shaping, { down, up });
      return;
    }
  } catch {
    // Something was changed in the middle; what it is does not matter, as it is taken away.
  }
  try {
    await clear(port.port, shaping.upLink);
    await apply(port.port, shaping, { down: undefined, up: undefined });
  } catch (error) {
    await removeLink(shaping.upLink);
    throw error;
  }
}

/** Takes all of it away. The port may be gone already, with its container; its device does not go by itself. */
export function disarmPort(plan: FencePlan, port: PortPlan): Promise<void> {
  return inTurn(() => clear(port.port, shapingOf(plan, port, port.mac).upLink));
}

/** What is not as it should be at the given ports, one sentence each; `armPort` puts it right. */
export function shaperFaults(plan: FencePlan, ports: readonly PortPlan[]): Promise<string[]> {
  return inTurn(() => faultsNow(plan, ports));
}

async function faultsNow(plan: FencePlan, ports: readonly PortPlan[]): Promise<string[]> {
  if (!exists(plan.bridge)) return [];
  const mac = bridgeMac(plan);
  const armed = ports.filter(({ port }) => exists(port));
  const shapings = armed.map((port) => shapingOf(plan, port, mac));
  const upLinks = shapings.flatMap(({ up }) => (up ? [up.link] : [])).filter(exists);
  const shown = await readLinks([...armed.map(({ port }) => port), ...upLinks]);
  const faults = armed.flatMap(({ port }, index) => {
    const { up, down, filter } = shapings[index] as Shaping;
    // A container that ended took its port along, and that is no fault.
    if (!exists(port)) return [];
    return [
      ...portFaults(port, filter, up?.link, shown.get(port)),
      ...linkFaults(port, down, shown.get(port)),
      ...(up ? linkFaults(up.link, up, shown.get(up.link)) : []),
      ...(up && exists(up.link) && !isUp(up.link) ? [`${up.link} is down`] : []),
    ];
  });
  // A port that is gone with its container is disarmed soon.
  const expected = ports.map((port) => shapingOf(plan, port, mac).upLink);
  const left = orphans(plan.slot).filter((link) => !expected.includes(link));
  return [...faults, ...left.map((link) => `${link} shapes no sandbox any more`)];
}

/** Removes devices whose port is gone, and says which; that is all of them once the slot's containers are gone. */
export async function reapShaper(slot: number, dryRun = false): Promise<string[]> {
  const links = orphans(slot);
  if (!dryRun) for (const link of links) await removeLink(link);
  return links;
}

/** The slot's devices that are in the kernel, one name each. */
export function shaperRemains(slot: number): string[] {
  return shaperLinks(slot).map((link) => `shaper ${link}`);
}

let last: Promise<unknown> = Promise.resolve();

/**
 * One change after another: the kernel has one lock for all of them, two at one port would undo each other, and one
 * that is half done is no fault.
 */
function inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
  const mine = last.then(act);
  last = mine.catch(() => undefined);
  return mine;
}

interface Shown {
  readonly down: ShownLink | undefined;
  readonly up: ShownLink | undefined;
}

/** At no moment is a packet led to a device that does not shape it yet. */
async function apply(port: string, shaping: Shaping, shown: Shown): Promise<void> {
  const { up, down, upLink, filter } = shaping;
  if (up && shown.up === undefined) await addLink(up.link, port);
  await tc([
    ...(up ? treeOf(up, shown.up) : []),
    ...(down ? treeOf(down, shown.down) : []),
    ...(!down && isShaped(shown.down) ? [`qdisc del dev ${port} root`] : []),
    `qdisc replace dev ${port} ingress`,
    ...(up
      ? [
          `${filterAt(port, "ffff:", "replace", 2)} handle 800::800 u32 match u32 0 0 action mirred egress redirect dev ${up.link}`,
        ]
      : []),
    `${filterAt(port, "ffff:", "replace", 1)} handle 1 bpf direct-action bytecode '${filter}'`,
    ...(!up && shown.down?.ingress.some(({ preference }) => preference === 2) === true
      ? [filterAt(port, "ffff:", "del", 2)]
      : []),
  ]);
  if (!up) await removeLink(upLink);
}

/**
 * htb holds the rate. Beneath it a tbf that is faster than any rate cuts what the sender left to the hardware into
 * frames and bounds what waits in bytes; in one step they would be 64 KiB, four seconds at 128 kbit/s.
 */
function treeOf({ link, classes, classifier }: ShapedLink, shown: ShownLink | undefined): string[] {
  const names: readonly string[] = classes.map(({ name }) => name);
  const obsolete = [...(shown?.classes.keys() ?? [])].filter((name) => !names.includes(name));
  return [
    ...(isShaped(shown) ? [] : [`qdisc replace dev ${link} root handle 1: htb default 20`]),
    ...classes.flatMap((shaped) => classLines(link, shaped)),
    `${filterAt(link, "1:", "replace", 1)} handle 1 bpf bytecode '${classifier}'`,
    ...obsolete.map((name) => `class del dev ${link} classid ${name}`),
  ];
}

const LEAF_RATE = "40gbit";

function classLines(link: string, { name, rate, burst, largest, queue }: ShapedClass): string[] {
  return [
    `class replace dev ${link} parent 1: classid ${name} htb rate ${rate}bit ceil ${rate}bit burst ${burst}b cburst ${burst}b quantum 3028`,
    `qdisc replace dev ${link} parent ${name} handle ${name.slice(2)}: tbf rate ${LEAF_RATE} burst ${largest}b limit ${queue}b`,
  ];
}

function filterAt(link: string, parent: string, verb: string, preference: number): string {
  return `filter ${verb} dev ${link} parent ${parent} protocol all prio ${preference}`;
}

function isShaped(shown: ShownLink | undefined): boolean {
  return shown?.qdiscs.some(({ kind, root }) => kind === "htb" && root === true) === true;
}

/** Over all that may be there; there may be nothing. */
async function clear(port: string, upLink: string): Promise<void> {
  if (exists(port))
    await command("tc", ["-force", "-batch", "-"], {
      input: `qdisc del dev ${port} ingress\nqdisc del dev ${port} root\n`,
      accept: [0, 1],
    });
  await removeLink(upLink);
}

/** Its alias says whose it is, for whoever comes after a crash. */
async function addLink(link: string, port: string): Promise<void> {
  await removeLink(link);
  await command("ip", ["-batch", "-"], {
    input: `link add dev ${link} type ifb\nlink set dev ${link} alias ${port} up\n`,
  });
  const setting = `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`;
  if (existsSync(setting)) writeFileSync(setting, "1");
}

async function removeLink(link: string): Promise<void> {
  if (exists(link)) await command("ip", ["link", "del", link]);
}

function shaperLinks(slot: number): string[] {
  return readdirSync(NETWORK).filter((link) => link.startsWith(shaperPrefixOf(slot)));
}

/** Shapers whose port is no port of the slot's bridge any more. */
function orphans(slot: number): string[] {
  const ports = portsOf(bridgeOf(slot));
  return shaperLinks(slot).filter((link) => !ports.includes(readText(`${NETWORK}/${link}/ifalias`) ?? ""));
}

function isHeld(link: string, port: string): boolean {
  return readText(`${NETWORK}/${link}/ifalias`) === port;
}

function isUp(link: string): boolean {
  return (Number(readText(`${NETWORK}/${link}/flags`) ?? 0) & IFF_UP) !== 0;
}

function exists(link: string): boolean {
  return existsSync(`${NETWORK}/${link}`);
}

function bridgeMac({ bridge }: FencePlan): string {
  return readFileSync(`${NETWORK}/${bridge}/address`, "utf8").trim();
}

/** Undefined when the device is gone. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

const NETWORK = "/sys/class/net";
const IFF_UP = 1;
