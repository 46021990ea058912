/**
 * A machine in miniature, inside network namespaces that end with the test: this process's own namespace plays the
 * host, with an interface to `world`, which plays the Internet; `one` and `two` play sandboxes on the host's bridge.
 */
import { execFileSync, spawn, type ChildProcessByStdio } from "node:child_process";
import { writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

import { policySchema, type Policy } from "../../../gateway/model/policy.ts";

/** The policy that the lab's fence is raised with; the default, unless the environment has another. */
export const NETWORK: Policy["network"] = policySchema.parse({
  network: JSON.parse(process.env["LAB_NETWORK"] ?? "{}") as unknown,
}).network;
export const SLOT = 13;
export const BRIDGE = `mbk${SLOT}`;
export const HOST = "192.0.2.2";
export const WORLD = "192.0.2.1";
/** Reached by the default route alone. */
export const ROUTED = "203.0.113.80";
export const HOST6 = "fd00:b::2";
export const WORLD6 = "fd00:b::1";

export function run(command: string): string {
  return execFileSync("sh", ["-ec", command], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** The host and its way out. It forwards, as a host with Docker does: what does not leak is held back by the fence. */
export function layHost(): void {
  run(`
    ip netns add world
    ip link add eth0 type veth peer name eth0 netns world
    ip address add ${HOST}/24 dev eth0
    ip -6 address add ${HOST6}/64 dev eth0 nodad
    ip link set eth0 up
    ip -n world link set lo up
    ip -n world address add ${WORLD}/24 dev eth0
    ip -n world address add ${ROUTED}/32 dev lo
    ip -n world -6 address add ${WORLD6}/64 dev eth0 nodad
    ip -n world link set eth0 up
    ip route add default via ${WORLD}
    ip -6 route add default via ${WORLD6}
    ip -n world route add 10.0.0.0/8 via ${HOST}
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
  `);
}

/** A sandbox: a namespace with one interface on the bridge. */
export function addSandbox(name: string, address: string, gateway: string, bridge = BRIDGE): void {
  run(`
    ip netns add ${name}
    ip link add port-${name} type veth peer name eth0 netns ${name}
    ip link set port-${name} master ${bridge} up
    ip -n ${name} link set lo up
    ip -n ${name} address add ${address}/20 dev eth0
    ip -n ${name} link set eth0 up
    ip -n ${name} route add default via ${gateway}
  `);
}

export function macOf(name: string | undefined, link: string): string {
  const inside = name === undefined ? "" : `-n ${name}`;
  const [found] = JSON.parse(run(`ip ${inside} -j link show ${link}`)) as { address: string }[];
  if (!found) throw new Error(`no link ${link}`);
  return found.address;
}

/** Runs a program in a namespace; resolves with what it printed. */
export async function inside(name: string | undefined, command: readonly string[]): Promise<string> {
  const child = start(name, command);
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stdin.end();
  await once(child, "close");
  if (child.exitCode !== 0)
    throw new Error(`${command.join(" ")} ended with ${child.exitCode ?? "a signal"}: ${output}`);
  return output;
}

/** A program in a namespace that says a line when it is ready, and one to each line it is asked. */
export class Talker {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(name: string | undefined, command: readonly string[]): Promise<Talker> {
    const talker = new Talker(start(name, command));
    await talker.#answer();
    return talker;
  }

  async ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    return this.#answer();
  }

  /** The next line that it says by itself. */
  next(): Promise<string> {
    return this.#answer();
  }

  end(): void {
    this.#child.kill();
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  async #answer(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error(`${this.#child.spawnargs.join(" ")} ended without an answer`);
    return next.value;
  }
}

function start(
  name: string | undefined,
  command: readonly string[],
): ChildProcessByStdio<Writable, Readable, null> {
  const [program = "", ...args] = name === undefined ? command : ["ip", "netns", "exec", name, ...command];
  return spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
}

export function labFile(name: string): string {
  return join(import.meta.dirname, name);
}

export function setting(path: string, value: string): void {
  writeFileSync(path, value);
}
