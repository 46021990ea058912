/** A real gateway, as an operator starts it, for one file of tests; and real clients to use it with. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ROOT = join(import.meta.dirname, "..", "..");
/** A first start makes spares and may build the image. */
const START_DEADLINE = 120_000;
/** Of what a log's end shows where a wait was in vain. */
const TAIL = 3000;
/** Of gateways that are not given back yet, what each has logged. */
const logs = new Set<() => string>();

export interface Gateway extends AsyncDisposable {
  readonly port: number;
  /** Where it listens, in the order in which that was asked for; `port` is the first one's. */
  readonly addresses: readonly { readonly port: number }[];
  /** The policy file; what is written to it takes effect. */
  readonly policy: string;
  readonly data: string;
  readonly pid: number;
  readonly slot: number;
  readonly fronts: readonly number[];
  /** What it has logged so far. */
  readonly log: () => string;
  readonly process: ChildProcess;
  /** SIGTERM and the wait for its end; gives the exit code. */
  stop(): Promise<number | null>;
}

export interface GatewayOptions {
  /** Text of the policy file. */
  readonly policy?: string;
  /** An existing data folder, which is then kept. */
  readonly data?: string;
  /** Where its code lies, if not here. */
  readonly root?: string;
  /** Each as ADDRESS:PORT; a free port of 127.0.0.1 if absent. */
  readonly listen?: readonly string[];
  /** Takes this slot, if it is free. Other tests' gateways take the lowest, also one that was free only a moment ago. */
  readonly slot?: number;
}

/** Starts a gateway on a free port of 127.0.0.1 with a data folder of its own. It must be run as root. */
export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  if (process.getuid?.() !== 0)
    throw new Error("this test starts a gateway, which needs root: run `sudo npm test`");
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-test-"));
  const data = options.data ?? join(folder, "data");
  const policy = join(folder, "policy.yaml");
  await writeFile(policy, options.policy ?? "");
  if (options.slot !== undefined) {
    await mkdir(data, { recursive: true });
    await writeFile(join(data, "gateway.json"), JSON.stringify({ uuid: randomUUID(), slot: options.slot }));
  }
  const child = spawn(
    process.execPath,
    [
      join(options.root ?? ROOT, "gateway/main.ts"),
      "serve",
      "--json",
      "--policy",
      policy,
      "--data",
      data,
      ...(options.listen ?? ["127.0.0.1:0"]).flatMap((address) => ["--listen", address]),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const logged = () => log;
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const started = await firstLine(child, exited).catch((error: unknown) => {
    child.kill("SIGKILL");
    throw new Error(`the gateway did not start: ${String(error)}\n${log}`);
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const [code] = await exited;
    return code;
  };
  logs.add(logged);
  return {
    ...started,
    policy,
    data,
    pid: child.pid ?? 0,
    process: child,
    log: logged,
    stop,
    async [Symbol.asyncDispose]() {
      logs.delete(logged);
      if (child.exitCode === null && child.signalCode === null) await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Started {
  readonly port: number;
  readonly addresses: readonly { readonly port: number }[];
  readonly slot: number;
  readonly fronts: readonly number[];
}

async function firstLine(child: ChildProcess, exited: Promise<unknown>): Promise<Started> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const said = (async () => {
    for await (const line of lines) {
      const message = JSON.parse(line) as { event: string } & Started;
      if (message.event === "listening") return { ...message, port: message.addresses[0]?.port ?? 0 };
    }
    throw new Error("its output ended");
  })();
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => {
      reject(new Error(`nothing within ${START_DEADLINE} ms`));
    }, START_DEADLINE).unref();
  });
  return Promise.race([said, late, exited.then(() => Promise.reject(new Error("it ended")))]);
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface RunOptions {
  readonly input?: Uint8Array | string;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** Milliseconds; then it is killed and the test fails. */
  readonly within?: number;
}

/** Runs a program to its end with all of its output. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.on("error", () => undefined); // a program may end before it has read all
  child.stdin.end(options.input ?? "");
  const within = options.within ?? 120_000;
  const late = AbortSignal.timeout(within);
  late.addEventListener("abort", () => child.kill("SIGKILL"));
  const [code] = (await once(child, "close")) as [number | null];
  if (late.aborted && code === null)
    throw new Error(
      `${command} ${args.join(" ")} did not end in time; it said: ${Buffer.concat(err).toString()}`,
    );
  return { code, stdout: Buffer.concat(out), stderr: Buffer.concat(err) };
}

export interface Who {
  readonly user?: string;
  readonly password?: string;
  /** Loopback address to come from: each is a source of its own. */
  readonly from?: string;
  readonly options?: readonly string[];
}

/** Arguments that ssh, scp and sftp share. */
export function clientOptions(who: Who): string[] {
  return [
    // The first that says something counts.
    ...(who.options ?? []),
    "-F", "/dev/null",
    "-o", "StrictHostKeyChecking=no",
    "-o", "UserKnownHostsFile=/dev/null",
    "-o", "LogLevel=ERROR",
    "-o", "NumberOfPasswordPrompts=1",
    ...(who.password === undefined ? [] : ["-o", "PubkeyAuthentication=no"]),
    ...(who.from === undefined ? [] : ["-o", `BindAddress=${who.from}`]),
  ]; // prettier-ignore
}

/** The system's `ssh`, with the password given through the environment. */
export function ssh(
  gateway: Pick<Gateway, "port">,
  who: Who,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  return withPassword(
    who,
    ["ssh", "-p", String(gateway.port), ...clientOptions(who), `${who.user ?? "root"}@127.0.0.1`, ...args],
    options,
  );
}

/** Whether ssh was told that its password is wrong, and not something else. */
export function wasRefused({ code, stderr }: Ran): boolean {
  return code === 255 && /Permission denied/.test(stderr.toString());
}

/** Runs a client of OpenSSH under sshpass. */
export function withPassword(who: Who, command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return run("sshpass", ["-e", ...command], {
    ...options,
    env: { ...options.env, SSHPASS: who.password ?? "" },
  });
}

/** The offline commands, as an operator calls them. */
export function mitsubako(gateway: { data: string }, ...args: string[]): Promise<Ran> {
  return run(process.execPath, [join(ROOT, "gateway/main.ts"), ...args], {
    env: { MITSUBAKO_DATA: gateway.data },
  });
}

/** Waits until `check` gives something, looking every 50 ms. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined>,
  within = 60_000,
): Promise<T> {
  const until = performance.now() + within;
  for (;;) {
    const found = await check();
    if (found !== undefined) return found;
    if (performance.now() > until)
      throw new Error([`${what}: not within ${within} ms`, ...tails()].join("\n"));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function tails(): string[] {
  return Array.from(logs, (log) => `A gateway's log ends with:\n${log().slice(-TAIL)}`);
}

/** Folders of finished sessions, oldest first by name of day. */
export async function finishedSessions(gateway: { data: string }): Promise<string[]> {
  const base = join(gateway.data, "recordings");
  const days = await readdir(base).catch(() => []);
  const folders = await Promise.all(
    days
      .sort()
      .map(async (day) => (await readdir(join(base, day))).map((session) => join(base, day, session))),
  );
  return folders.flat();
}
