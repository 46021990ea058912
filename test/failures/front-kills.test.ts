/** What `kill -9` of the fronts takes from recordings: nothing that a client had received, nor a key whose echo it had. */
import assert from "node:assert/strict";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { recordings } from "../../gateway/index/find-recording.ts";
import type { PacketEntry } from "../../gateway/model/entries.ts";
import { microsAt } from "../../gateway/model/timestamps.ts";
import { readEntries } from "../../gateway/recording/reader.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { parseConnectionMessage } from "../../gateway/ssh/messages/message.ts";
import { clientOptions, run, startGateway, type Gateway } from "../gateway/harness.ts";

/** How often both fronts are killed. */
const KILLS = Number(process.env["MITSUBAKO_FRONT_KILLS"] ?? 2);
const KINDS = ["bulk", "bulk", "interactive", "interactive"] as const;
type Kind = (typeof KINDS)[number];

/** Bulk: one program, which ends with its reader; each place of its output is another text, so that a gap is seen. */
const COMMANDS: Record<Kind, (name: string) => string> = {
  bulk: (name) => `echo ${name}; exec seq -f %.0f 1 100000000`,
  interactive: (name) => `stty raw -echo; echo ${name}; exec cat`,
};
const NAME = /^client-\d+-\d+-\d+/;

/** The system's ssh. Of what it receives, the length and the sum are kept, and the beginning. */
class Client {
  readonly name: string;
  readonly kind: Kind;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #hash = createHash("sha256");
  /** Bytes. */
  received = 0;
  beginning = "";
  #keys = 0;

  constructor(gateway: Gateway, name: string, kind: Kind) {
    this.name = name;
    this.kind = kind;
    const how = kind === "bulk" ? "-T" : "-tt";
    const options = clientOptions({ password: "load" });
    this.#child = spawn(
      "sshpass",
      ["-e", "ssh", how, "-p", String(gateway.port), ...options, "root@127.0.0.1", COMMANDS[kind](name)],
      { stdio: ["pipe", "pipe", "ignore"], env: { ...process.env, SSHPASS: "load" } },
    );
    this.#child.stdin.on("error", () => undefined); // whom it speaks to is dead
    this.#child.stdout.on("data", (chunk: Buffer) => {
      this.#hash.update(chunk);
      this.received += chunk.length;
      if (this.beginning.length < 100_000) this.beginning += chunk.toString("latin1");
    });
  }

  /** Once, when it is gone. */
  digest(): string {
    return this.#hash.digest("hex");
  }

  /** Resolves when it has received that much, typing for it where it must. False: it was not let in. */
  async isServed(bytes: number): Promise<boolean> {
    while (this.received < bytes && this.#isThere) {
      this.type();
      await sleep(2);
    }
    return this.received >= bytes;
  }

  type(): void {
    if (this.kind === "interactive" && this.received > 0) this.#child.stdin.write(`${++this.#keys} `);
  }

  /** @throws when it is still there after a minute, with nobody to speak to; then it is ended. */
  async gone(): Promise<void> {
    if (!this.#isThere) return;
    try {
      await once(this.#child, "close", { signal: AbortSignal.timeout(60_000) });
    } catch {
      this.#child.kill("SIGKILL");
      assert.fail(`${this.name} has received ${this.received} bytes, and waits for more that do not come`);
    }
  }

  async leave(): Promise<void> {
    this.#child.kill();
    await this.gone();
  }

  get #isThere(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
}

test("fronts killed under load: what clients received, and keys whose echo they had, is all recorded", async (t) => {
  await using gateway = await startGateway({ policy: "deadlines: { drain: 1s }" });
  const clients: Client[] = [];
  /** Milliseconds since 1970, by the client's name. */
  const killed = new Map<string, number>();
  let kills = 0;
  for (; kills < KILLS; kills++) {
    const round = await serve(gateway, kills);
    const until = performance.now() + 50 + Math.random() * 250;
    while (performance.now() < until) {
      for (const client of round) client.type();
      await sleep(2);
    }
    const fronts = await frontsOf(gateway);
    const now = Date.now();
    for (const pid of fronts) process.kill(pid, "SIGKILL");
    await Promise.all(round.map((client) => client.gone()));
    for (const { name } of round) killed.set(name, now);
    clients.push(...round);
  }
  assert.equal(await gateway.stop(), 0);

  const paths = await pathsByName(gateway.data);
  const before: number[] = [];
  for (const client of clients) {
    const { name, kind, received, beginning } = client;
    const path = paths.get(name);
    assert.ok(path !== undefined, `${name} is recorded`);
    const { digest, keys, last } = await recorded(path, received);
    assert.equal(digest, client.digest(), `${name} has received ${received} bytes that are not all recorded`);
    const echoed = kind === "bulk" ? "" : beginning.slice(beginning.indexOf("\n") + 1);
    assert.equal(keys.slice(0, echoed.length), echoed, `${name}: keys whose echo came`);
    before.push((killed.get(name) ?? 0) - last);
  }
  const bytes = clients.reduce((sum, client) => sum + client.received, 0);
  t.diagnostic(
    `${kills} kills, ${clients.length} clients, ${bytes} bytes received, all recorded; the last packet recorded is ${Math.min(...before).toFixed(1)} to ${Math.max(...before).toFixed(1)} ms older than the kill`,
  );
});

/** One of each kind, all at it. New fronts need a moment. */
async function serve(gateway: Gateway, round: number): Promise<Client[]> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const all = KINDS.map((kind, place) => new Client(gateway, `client-${round}-${attempt}-${place}`, kind));
    const served = await Promise.all(all.map((client) => client.isServed(200)));
    if (served.every(Boolean)) return all;
    await Promise.all(all.map((client) => client.leave()));
    await sleep(100);
  }
  throw new Error("nobody is let in any more");
}

async function frontsOf(gateway: Gateway): Promise<number[]> {
  const { stdout } = await run("pgrep", ["-P", String(gateway.pid), "-f", "gateway/front/main"]);
  return stdout.toString().split("\n").filter(Boolean).map(Number);
}

/** Of every recording, each of which opens and is sound, by the name that its output begins with. */
async function pathsByName(data: string): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const { path: relative } of recordings(data)) {
    const path = join(data, relative);
    assert.equal((await verify(path)).firstBad, undefined, path);
    for await (const entry of readEntries(path)) {
      if (entry.type !== "packet" || entry.from !== "upstream") continue;
      const name = NAME.exec(dataOf(entry)?.toString("latin1") ?? "")?.[0];
      if (name === undefined) continue;
      paths.set(name, path);
      break;
    }
  }
  return paths;
}

/** The sum of as much output as was received, what was typed, and when the last packet came (milliseconds since 1970). */
async function recorded(
  path: string,
  received: number,
): Promise<{ digest: string; keys: string; last: number }> {
  const hash = createHash("sha256");
  let left = received;
  let keys = "";
  let startedAt = "";
  let last = 0;
  for await (const entry of readEntries(path)) {
    if (entry.type === "fact") {
      if (entry.fact.kind === "session-opened") ({ startedAt } = entry.fact);
      continue;
    }
    last = microsAt(startedAt, entry.at) / 1000;
    const data = dataOf(entry);
    if (data === undefined) continue;
    if (entry.from === "downstream") keys += data.toString("latin1");
    else {
      hash.update(data.subarray(0, left));
      left = Math.max(0, left - data.length);
    }
  }
  return { digest: left > 0 ? `${left} bytes fewer` : hash.digest("hex"), keys, last };
}

function dataOf({ payload }: PacketEntry): Buffer | undefined {
  const message = parseConnectionMessage(payload);
  return message.kind === "channel-data" ? message.data : undefined;
}
