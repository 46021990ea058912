/** A process namespace of our own, as a container has one, and what the kernel tells of it: no gateway, no engine. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectAsked, ProcessFact, ProgramRun } from "../../gateway/model/process-facts.ts";
import type { FromWatcher } from "../../gateway/model/watcher-messages.ts";
import { childUid, TAP_INDEX } from "../../gateway/model/slot.ts";
import { loaderCommand } from "../../gateway/warden/watch/image.ts";
import { makeTapKit, startTap } from "../../gateway/warden/watch/tap.ts";
import { decodeRecord, type WatchRecord } from "../../gateway/watcher/decode.ts";
import { RecordReader } from "../../gateway/watcher/record-reader.ts";
import { Watcher } from "../../gateway/watcher/watcher.ts";

/** No slot of a gateway's that runs beside the test has it by chance. */
const UID = childUid(15, TAP_INDEX);
const PATIENCE = 60_000;

export class Lab implements AsyncDisposable {
  readonly said: FromWatcher[] = [];
  readonly namespace: number;
  readonly tapPid: number;
  readonly #stop: (() => Promise<unknown>)[];
  readonly #shell: (script: string) => void;
  /** Whatever is told of them. */
  executed = 0;
  overBudget = 0;
  readonly #marks = new Set<string>();
  #runs = 0;

  private constructor(
    namespace: number,
    tapPid: number,
    shell: (script: string) => void,
    stop: (() => Promise<unknown>)[],
  ) {
    this.namespace = namespace;
    this.tapPid = tapPid;
    this.#shell = shell;
    this.#stop = stop;
  }

  static async start(): Promise<Lab> {
    assert.equal(process.getuid?.(), 0, "this test puts programs into the kernel, which needs root");
    const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-watcher-"));
    const tap = await startTap(await makeTapKit(folder), UID, "pipe");
    rmSync(folder, { recursive: true });
    // Its first process is a shell that waits for what to do; what it runs has a parent that is seen inside, as a container's have.
    const inside = spawn("unshare", ["--pid", "--fork", "--mount-proc", "--kill-child", "--", "sh"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    const namespace = await eventually(() => namespaceBelow(inside.pid ?? 0));
    const ended = (child: typeof inside | typeof tap) =>
      new Promise((resolve) => child.once("exit", resolve));
    const lab = new Lab(namespace, tap.pid ?? 0, (script) => inside.stdin.write(script), [
      () => {
        const both = Promise.all([ended(inside), ended(tap)]);
        inside.kill("SIGKILL");
        tap.kill("SIGKILL");
        return both;
      },
    ]);
    const reader = new RecordReader();
    const watcher = new Watcher((message) => lab.said.push(message));
    watcher.hear({ kind: "configure", root: 0 });
    tap.stdout?.on("data", (chunk: Buffer) => {
      assert.ok(watcher.take(chunk), "these are records");
      for (const bytes of reader.take(chunk) ?? []) lab.#heard(decodeRecord(bytes));
    });
    tap.stdin?.write(loaderCommand(true, namespace));
    // From here on it is seen.
    await eventually(() => {
      lab.#shell("/bin/true seen\n");
      return lab.facts.some((fact) => fact.did === "run" && fact.argv[1] === "seen") ? true : undefined;
    });
    await lab.run("");
    lab.said.length = 0;
    return lab;
  }

  get facts(): ProcessFact[] {
    return this.said.flatMap((one) => (one.kind === "facts" ? [...one.facts] : []));
  }

  get runs(): ProgramRun[] {
    return this.facts.filter((fact) => fact.did === "run");
  }

  get connects(): ConnectAsked[] {
    return this.facts.filter((fact) => fact.did === "connect");
  }

  /** Lines of a shell's; resolves when they are done and what they did has been told. */
  async run(script: string): Promise<void> {
    const mark = `done-${++this.#runs}`;
    this.#shell(`${script}\n/bin/true ${mark}\n`);
    await eventually(() => (this.#marks.has(mark) ? true : undefined));
  }

  #heard(record: WatchRecord | undefined): void {
    if (record?.kind === "executed") {
      this.executed++;
      if (record.argv[1]?.startsWith("done-") === true) this.#marks.add(record.argv[1]);
    }
    if (record?.kind === "lost") this.overBudget += record.overBudget;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stop) await stop();
  }
}

export async function eventually<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const started = performance.now(); performance.now() - started < PATIENCE;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("it did not come");
}

function namespaceBelow(pid: number): number | undefined {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
  if (child === undefined || child === "") return undefined;
  try {
    return Number(/\d+/.exec(readlinkSync(`/proc/${child}/ns/pid`))?.[0]);
  } catch {
    return undefined; // not yet
  }
}
