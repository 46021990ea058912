/** A real gateway on a lab machine, and strangers who come to it with a real ssh. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { clientOptions, type Ran } from "../gateway/harness.ts";
import { LAB, type LabMachine } from "./lab-machine.ts";
import { Stranger } from "./stranger.ts";

export const MAIN = join(import.meta.dirname, "../../gateway/main.ts");
const PASSWORD = "hunter2";
const RESTLESS = "/var/tmp/restless.py";

export interface LabGatewayOptions {
  /** Text of the policy file. */
  readonly policy: string;
  readonly data: string;
  /** Default: 127.0.0.1:0. */
  readonly listen?: string;
  /** More environment of its first process. */
  readonly environment?: Readonly<Record<string, string>>;
}

interface Started {
  readonly pid: number;
  readonly slot: number;
  readonly port: number;
}

export class LabGateway {
  readonly lab: LabMachine;
  readonly data: string;
  readonly port: number;
  readonly slot: number;
  /** As the lab numbers it. */
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #log: { text: string };
  readonly #ended: Promise<unknown>;

  private constructor(
    lab: LabMachine,
    data: string,
    started: Started,
    child: ChildProcess,
    log: { text: string },
    ended: Promise<unknown>,
  ) {
    this.lab = lab;
    this.data = data;
    this.port = started.port;
    this.slot = started.slot;
    this.pid = started.pid;
    this.#child = child;
    this.#log = log;
    this.#ended = ended;
  }

  /** @throws Error with what it said when it does not start. */
  static async start(lab: LabMachine, options: LabGatewayOptions): Promise<LabGateway> {
    const policy = join(lab.folder, `${options.data.replaceAll("/", "-")}.yaml`);
    await writeFile(policy, options.policy);
    const environment = Object.entries(options.environment ?? {}).map(([key, value]) => `${key}=${value}`);
    const child = lab.spawn([
      ...["env", ...environment, process.execPath, MAIN, "serve", "--json"],
      ...["--policy", policy, "--data", options.data, "--listen", options.listen ?? "127.0.0.1:0"],
    ]);
    const log = { text: "" };
    child.stderr.setEncoding("utf8").on("data", (text: string) => (log.text += text));
    const ended = once(child, "close");
    const started = await Promise.race([
      listening(child),
      ended.then(() => {
        throw new Error(`the gateway did not start: ${log.text}`);
      }),
    ]);
    return new LabGateway(lab, options.data, started, child, log, ended);
  }

  /** What it has said so far. */
  get log(): string {
    return this.#log.text;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Its processes of this kind that live now, as the lab numbers them. */
  async children(role: "front" | "archivist" | "outpost"): Promise<number[]> {
    const { stdout } = await this.lab.run(["pgrep", "-P", String(this.pid), "-f", `gateway/${role}/main`]);
    return stdout.toString().split("\n").filter(Boolean).map(Number);
  }

  async everyChild(): Promise<number[]> {
    const roles = ["front", "archivist", "outpost"] as const;
    return (await Promise.all(roles.map((role) => this.children(role)))).flat();
  }

  /** With SIGKILL; one that is gone already is no error. */
  async kill(pids: readonly number[]): Promise<void> {
    if (pids.length > 0) await this.lab.run(["kill", "-KILL", ...pids.map(String)]);
    if (pids.includes(this.pid)) await this.#ended;
  }

  /** SIGTERM; gives the exit code. */
  async stop(): Promise<number | null> {
    if (!this.hasEnded) await this.lab.run(["kill", "-TERM", String(this.pid)]);
    await this.#ended;
    return this.#child.exitCode;
  }

  /** Logs in from a loopback address, which is a source of its own, and runs a command there. */
  ssh(from: string, command: string, input: string | Uint8Array = "", within = 60_000): Promise<Ran> {
    return this.lab.run(this.#client(from, command), { env: { SSHPASS: PASSWORD }, input, within });
  }

  /** A stranger who leaves a restless program running in the sandbox, and stays to read what comes. */
  async settle(from: string): Promise<Stranger> {
    const leave = `cat >${RESTLESS}; cd /; setsid python3 ${RESTLESS} >${RESTLESS}.log 2>&1 </dev/null &`;
    const left = await this.ssh(from, leave, await readFile(join(LAB, "restless.py")));
    if (left.code !== 0)
      throw new Error(`${from} could not settle: ${left.stderr.toString()}\n${this.log.slice(-2000)}`);
    return this.visit(from, `i=0; while :; do i=$((i+1)); echo ${from} line $i; sleep 0.05; done`);
  }

  /** A stranger whose client keeps all that it is sent. */
  visit(from: string, command: string): Promise<Stranger> {
    return Stranger.start(this.lab.command(["env", `SSHPASS=${PASSWORD}`, ...this.#client(from, command)]));
  }

  #client(from: string, command: string): string[] {
    const who = { user: "root", password: PASSWORD, from };
    return [
      ...["sshpass", "-e", "ssh", "-p", String(this.port), ...clientOptions(who), "-o", "ConnectTimeout=20"],
      ...["root@127.0.0.1", command],
    ];
  }
}

async function listening(child: ChildProcess): Promise<Started> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  for await (const line of lines) {
    const message = JSON.parse(line) as Omit<Started, "port"> & { addresses: { port: number }[] };
    return { ...message, port: message.addresses[0]?.port ?? 0 };
  }
  // Its end is told by its exit.
  return new Promise(() => undefined);
}
