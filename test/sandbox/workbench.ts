import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pino } from "pino";
import type { Capture, Traffic } from "../../gateway/model/capture.ts";
import { newSessionId, type SessionId } from "../../gateway/model/ids.ts";
import { keysOf, machineId } from "../../gateway/model/persona.ts";
import { policySchema, type Policy } from "../../gateway/model/policy.ts";
import { Engine } from "../../gateway/sandbox/docker.ts";
import { findPersona } from "../../gateway/sandbox/image/find.ts";
import { makeHostKeys } from "../../gateway/sandbox/image/host-keys.ts";
import { startPool, type Pool } from "../../gateway/sandbox/pool.ts";
import type { Room } from "../../gateway/sandbox/room.ts";
import { reap } from "../../gateway/sandbox/reap.ts";
import { takeSlot } from "../../gateway/warden/slot.ts";

type SandboxSettings = Partial<Policy["sandbox"]>;

/** A pool on the real engine, on a slot and network of the test's own, without a fence: its traffic stays on its bridge. */
export interface Workbench extends AsyncDisposable {
  readonly pool: Pool;
  readonly engine: Engine;
  readonly slot: number;
  readonly artifacts: string;
  readonly captures: Capture[];
  readonly expired: SessionId[];
  /** Why they had to end, one for each sandbox. */
  readonly reasons: string[];
  /** What every sandbox is taken to have sent and received; nothing at first. */
  traffic: Traffic | undefined;
  /** What the pool takes the machine's disk to have left; enough at first. */
  room: Room;
  /** In force from now on. */
  change(sandbox: SandboxSettings): void;
  session(): SessionId;
}

/**
 * Takes a slot as a gateway does, so that nobody else on this machine reaps it meanwhile; `preferred` is one for each file
 * of tests, far from those that gateways take first.
 */
export async function openWorkbench(
  preferred: number,
  sandbox: SandboxSettings = {},
  rest: Partial<Policy> = {},
  disguise?: string,
): Promise<Workbench> {
  const engine = new Engine();
  const held = await takeSlot(preferred);
  const { slot } = held;
  await reap({ engine, slot });
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-sandbox-"));
  const artifacts = join(folder, "artifacts");
  await promisify(execFile)("mkdir", ["-m", "0750", artifacts]);
  const defaults: Policy = { ...policySchema.parse({}), ...rest };
  let policy: Policy = { ...defaults, sandbox: { ...defaults.sandbox, spares: 0, ...sandbox } };
  // The pool asks for it before there is a bench.
  const room: { now: Room } = { now: { isShort: false, free: Infinity } };
  const passed: { now: Traffic | undefined } = { now: undefined };
  const captures: Capture[] = [];
  const expired: SessionId[] = [];
  const reasons: string[] = [];
  const persona = await findPersona(engine, policy.persona);
  const hostKeys = await makeHostKeys(join(folder, "keys"), persona.hostname);
  const machine = { id: machineId(policy.persona), persona, keys: keysOf(policy.persona), hostKeys };
  const pool = await startPool({
    engine,
    slot,
    network: { subnet: `10.${200 + slot}.77.0/24`, gateway: `10.${200 + slot}.77.1` },
    policy: () => policy,
    machines: () => [{ machine, hostname: persona.hostname, policy }],
    artifacts,
    disguise,
    log: pino({ level: process.env["LOG_LEVEL"] ?? "silent" }),
    ground: {
      admit: () => Promise.resolve(),
      started: () => Promise.resolve(),
      assigned: () => Promise.resolve(),
      ending: () => Promise.resolve(),
      dismiss: () => Promise.resolve(),
    },
    onCapture: (capture) => {
      captures.push(capture);
      return Promise.resolve();
    },
    onExpired: (sessions, reason) => {
      expired.push(...sessions);
      reasons.push(reason);
    },
    room: () => room.now,
    traffic: () => Promise.resolve(passed.now),
  });
  return {
    pool,
    engine,
    slot,
    artifacts,
    captures,
    expired,
    reasons,
    get traffic() {
      return passed.now;
    },
    set traffic(now) {
      passed.now = now;
    },
    get room() {
      return room.now;
    },
    set room(now) {
      room.now = now;
    },
    change(settings) {
      policy = { ...policy, sandbox: { ...policy.sandbox, ...settings } };
      pool.policyChanged();
    },
    session: newSessionId,
    async [Symbol.asyncDispose]() {
      await pool.drain();
      await reap({ engine, slot });
      await rm(folder, { recursive: true });
      await held[Symbol.asyncDispose]();
    },
  };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Logs in with OpenSSH's client and runs a command there; the password goes through a pipe, any bytes but a newline. */
export function login(
  address: string,
  user: string,
  password: Uint8Array | string,
  command: string,
  input = "",
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const options = {
      StrictHostKeyChecking: "no",
      UserKnownHostsFile: "/dev/null",
      GlobalKnownHostsFile: "/dev/null",
      PreferredAuthentications: "password",
      PubkeyAuthentication: "no",
      NumberOfPasswordPrompts: "1",
      ConnectTimeout: "10",
      LogLevel: "ERROR",
    };
    const child = spawn(
      "sshpass",
      [
        "-d3",
        "ssh",
        "-F",
        "/dev/null",
        ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
        "-l",
        user,
        address,
        command,
      ],
      { stdio: ["pipe", "pipe", "pipe", "pipe"], timeout: 60_000 },
    );
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("latin1").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("latin1").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, stdout, stderr });
    });
    const [, , , pipe] = child.stdio;
    if (pipe && "end" in pipe) pipe.end(Buffer.concat([Buffer.from(password), Buffer.from("\n")]));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

/** Polls until it holds. */
export async function eventually(holds: () => boolean | Promise<boolean>, within = 60_000): Promise<void> {
  const deadline = Date.now() + within;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not so within ${within} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
