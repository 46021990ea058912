/**
 * A machine to break: namespaces with a Docker engine of their own, a network of their own and a world behind it that
 * counts what arrives. Its rules may be flushed and its engine killed without disturbing anybody; all of it ends with
 * the test, however that ends. What is left to share with this machine is the kernel and the file system.
 */
import { spawn, type ChildProcess, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { run, type Ran, type RunOptions } from "../gateway/harness.ts";
import { Witness } from "./witness.ts";

export const LAB = join(import.meta.dirname, "lab");
const IMAGE = "mitsubako/debian-12";
const PREFIX = "mitsubako-lab-";

export class LabMachine implements AsyncDisposable {
  /** Seen under the same path inside; a private mount there hides it. */
  readonly folder: string;
  readonly #first: ChildProcessByStdio<Writable, Readable, null>;
  /** Its first process, as this machine numbers it. */
  readonly #pid: number;
  #world: Witness | undefined;
  #host: Witness | undefined;

  private constructor(folder: string, first: ChildProcessByStdio<Writable, Readable, null>, pid: number) {
    this.folder = folder;
    this.#first = first;
    this.#pid = pid;
  }

  /** With the engine running and the sandbox image in it. About 9 s. */
  static async start(): Promise<LabMachine> {
    if (process.getuid?.() !== 0)
      throw new Error("this test makes a machine of its own: run `sudo npm test`");
    await removeDead();
    const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
    // The engine's user namespace has to get through to its files.
    await chmod(folder, 0o711);
    const [first, pid] = await enter();
    const lab = new LabMachine(folder, first, pid);
    try {
      // A disk of its own for the engine: small enough to be filled, and gone as a whole.
      await lab.sh(`
        mkdir ${folder}/engine
        truncate -s 4G ${folder}/engine.disk
        mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1 ${folder}/engine.disk
        mount -o loop ${folder}/engine.disk ${folder}/engine
        chmod 711 ${folder}/engine`);
      lab.#world = await Witness.start(lab.command(["ip", "netns", "exec", "world"]), "world", "eth0");
      lab.#host = await Witness.start(lab.command([]), "host");
      await lab.startEngine();
      await lab.#loadImage();
      return lab;
    } catch (error) {
      const said = await lab.engineLog();
      await lab[Symbol.asyncDispose]();
      throw new Error(`the lab machine did not start; its engine's last words: ${said.slice(-600)}`, {
        cause: error,
      });
    }
  }

  /** Everything behind the machine's way out. */
  get world(): Witness {
    if (!this.#world) throw new Error("the lab has no world yet");
    return this.#world;
  }

  /** The machine's own services. */
  get host(): Witness {
    if (!this.#host) throw new Error("the lab has no services yet");
    return this.#host;
  }

  /** How to run a program in the lab from outside. It is killed with the program that entered. */
  command(args: readonly string[]): readonly string[] {
    const enter = ["nsenter", "-t", String(this.#pid), "-m", "-n", "-p", "-i", "-u", "--"];
    return [...enter, "setpriv", "--pdeathsig", "KILL", "--", ...args];
  }

  /** Runs a program in the lab to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const [program = "", ...rest] = this.command(args);
    return run(program, rest, options);
  }

  /** Runs a shell's commands, all of which must succeed; gives what they print. */
  async sh(script: string, options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(["sh", "-ec", script], options);
    if (code !== 0) throw new Error(`${script}\nended with ${code ?? "a signal"}: ${stderr.toString()}`);
    return stdout.toString();
  }

  spawn(args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
    const [program = "", ...rest] = this.command(args);
    return spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Where the engine keeps everything, with the user namespace's own folder. */
  get engineRoot(): string {
    return join(this.folder, "engine", "100000.100000");
  }

  /** A path as it is inside, from outside: private mounts are seen through it. */
  inside(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  /** Starts the engine and waits until it answers. */
  async startEngine(): Promise<void> {
    const settings = {
      "userns-remap": "default",
      "live-restore": true,
      "data-root": join(this.folder, "engine"),
      "cgroup-parent": `/${basename(this.folder)}`,
    };
    await writeFile(join(this.folder, "daemon.json"), JSON.stringify(settings));
    // An engine that was killed leaves its number behind, and refuses to start if it runs again as something else.
    await this.sh(`
      rm -f /run/docker.pid
      setsid dockerd --config-file ${this.folder}/daemon.json >>${this.folder}/engine.log 2>&1 </dev/null &
      tries=0
      until docker version >/dev/null 2>&1; do
        tries=$((tries + 1)); [ $tries -lt 200 ]; sleep 0.1
      done`);
  }

  /** In order, as a package's upgrade does it. */
  async restartEngine(): Promise<void> {
    await this.sh("pkill -TERM -x dockerd; while pgrep -x dockerd >/dev/null; do sleep 0.02; done");
    await this.startEngine();
  }

  /** With SIGKILL, so that it can put nothing in order. Resolves when it is gone. */
  killEngine(process: "dockerd" | "containerd"): Promise<string> {
    // `pkill` sees only the lab's own processes there.
    return this.sh(`pkill -KILL -x ${process}; while pgrep -x ${process} >/dev/null; do sleep 0.02; done`);
  }

  /** Runtimes that serve a container which does not run, or is not there, as far as the engine knows. */
  async unknownToTheEngine(): Promise<string[]> {
    const printed = await this.sh(`
      pgrep -f '[c]ontainerd-shim.* -id' | while read -r shim; do
        tr '\\0' '\\n' <"/proc/$shim/cmdline" | grep -xE '[0-9a-f]{64}' || true
      done
      echo
      docker ps -q --no-trunc`);
    const [served = "", running = ""] = printed.split("\n\n");
    const known = new Set(running.trim().split("\n"));
    return served.split("\n").filter((id) => id !== "" && !known.has(id));
  }

  engineLog(): Promise<string> {
    return readFile(join(this.folder, "engine.log"), "utf8").catch(() => "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#first.exitCode === null) {
      const gone = once(this.#first, "close");
      this.#first.stdin.end();
      await gone;
    }
    await remove(this.folder);
  }

  async #loadImage(): Promise<void> {
    const saved = spawn("docker", ["save", IMAGE], { stdio: ["ignore", "pipe", "inherit"] });
    const [program = "", ...rest] = this.command(["docker", "load"]);
    const loaded = spawn(program, rest, { stdio: [saved.stdout, "ignore", "inherit"] });
    const ended = await Promise.all([once(saved, "exit"), once(loaded, "exit")]);
    if (ended.some(([code]) => code !== 0))
      throw new Error(`${IMAGE} could not be brought into the lab: build it (gateway/mitsubako image build)`);
  }
}

/** What a lab leaves on this machine's file systems. */
async function remove(folder: string): Promise<void> {
  for (const controller of await readdir("/sys/fs/cgroup").catch(() => [])) {
    const top = join("/sys/fs/cgroup", controller, basename(folder));
    if (existsSync(top)) await run("find", [top, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Labs whose test was killed; their processes ended with it. */
async function removeDead(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid] = new RegExp(`^${PREFIX}(\\d+)-`).exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await remove(join(tmpdir(), name));
  }
}

async function enter(): Promise<[ChildProcessByStdio<Writable, Readable, null>, number]> {
  const first = spawn(
    "unshare",
    [
      ...["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", "--uts"],
      ...["--propagation", "private", "--", "python3", join(LAB, "init.py")],
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: first.stdout });
  const [line] = (await Promise.race([once(lines, "line"), once(first, "exit")])) as [unknown];
  if (line !== "ready")
    throw new Error("a lab machine needs root, util-linux, iproute2, python3 and Docker Engine");
  return [first, await childOf(first)];
}

async function childOf({ pid }: ChildProcess): Promise<number> {
  const { stdout } = await run("pgrep", ["-P", String(pid)]);
  return Number(stdout.toString().trim());
}
