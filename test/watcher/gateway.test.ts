/** What a gateway's sandboxes run, in recordings and events: whose it is, and what becomes of it when something dies. */
import assert from "node:assert/strict";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { readLateFacts } from "../../gateway/evidence/late-facts.ts";
import type { FileFact } from "../../gateway/model/file-facts.ts";
import type { ProcessFact, ProgramRun } from "../../gateway/model/process-facts.ts";
import { readEntries } from "../../gateway/recording/reader.ts";
import { eventually, run, ssh, startGateway, type Gateway } from "../gateway/harness.ts";

const WHO = { user: "root", password: "x", from: "127.0.1.1" };

describe("a gateway that watches processes", () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway({ policy: "evidence: { processes: required }\n" });
  });
  after(() => gateway[Symbol.asyncDispose]());

  it("tells two who are in one sandbox at once apart, also what one left running", async () => {
    const [one, two] = await Promise.all([
      ssh(gateway, WHO, [
        "/bin/true of-the-first; sleep 3; (sleep 3; /bin/true left-by-the-first) >/dev/null 2>&1 &",
      ]),
      ssh(gateway, WHO, [
        "printf '#!/bin/sh\\n/bin/true of-the-second\\n' > /tmp/brought; chmod +x /tmp/brought; sleep 2; /tmp/brought; sleep 3",
      ]),
    ]);
    assert.deepEqual([one.code, two.code], [0, 0]);
    const [first, second, late] = await eventually("what both did", async () => {
      const all = await sessions(gateway);
      const having = (name: string, late: boolean) =>
        all.find((session) => runs(late ? session.late : session.facts).some(({ argv }) => argv[1] === name));
      const found = [having("of-the-first", false), having("of-the-second", false)];
      const left = having("left-by-the-first", true) ?? having("left-by-the-first", false);
      const [first, second] = found;
      return first && second && left ? ([first, second, left] as const) : undefined;
    });
    assert.notEqual(first.id, second.id);
    assert.equal(late.id, first.id, "what was left running stays its session's");
    const script = runs(second.facts).find(({ path }) => path === "/tmp/brought");
    assert.deepEqual(script?.argv, ["/bin/sh", "/tmp/brought"]);
    assert.equal(runs(second.facts).find(({ argv }) => argv[1] === "of-the-second")?.parent, script.pid);
    const names = (facts: readonly ProcessFact[]) => runs(facts).map(({ argv }) => String(argv[1]));
    assert.ok(!names(first.facts).includes("of-the-second") && !names(second.facts).includes("of-the-first"));
    const own = runs(second.facts).filter(({ server }) => server === true);
    assert.ok(
      own.some(({ path }) => path === "/usr/sbin/sshd"),
      "the server's own doing is there, and marked",
    );
    assert.ok(!names(own).includes("/tmp/brought"));
  });

  it("has in a session's recording all that was done before its last byte", async () => {
    for (let times = 1; times <= 5; times++) {
      const said = `last-${times}`;
      const command = `cd /tmp; echo 'exit 0' > ${said}; sh ${said}; rm ${said}; /bin/echo ${said}`;
      assert.equal((await ssh(gateway, WHO, [command])).stdout.toString(), `${said}\n`);
      const found = await eventually("its recording", async () =>
        (await sessions(gateway)).find(({ facts }) => runs(facts).some(({ argv }) => argv[1] === said)),
      );
      assert.ok(runs(found.facts).some(({ path, argv }) => path === "/bin/echo" && argv[1] === said));
      assert.deepEqual(
        found.files.map(({ how, path, whose }) => [how, path, whose]),
        [
          ["run", `/tmp/${said}`, "process"],
          ["deleted", `/tmp/${said}`, "process"],
        ],
      );
      const late = [...found.late.map(({ time }) => time), ...found.lateFiles.map(({ time }) => time)];
      assert.deepEqual(late, [], "nothing was too late");
    }
  });

  it("tells files of whose process it was, of two who are in one sandbox at once, and programs that are none", async () => {
    const python = `import os
fd = os.memfd_create("miner")
os.write(fd, open("/bin/sleep", "rb").read())
os.execve(fd, ["[kworker]", "3"], {})`;
    const [one, two] = await Promise.all([
      ssh(gateway, WHO, ["cd /tmp; sleep 2; echo 1 > by-the-first; rm by-the-first; sleep 2; echo"]),
      ssh(gateway, WHO, [
        `cd /tmp; sleep 1; echo 2 > by-the-second; rm by-the-second; python3 -c '${python}'`,
      ]),
    ]);
    assert.deepEqual([one.code, two.code], [0, 0]);
    const having = (name: string) =>
      eventually(name, async () =>
        (await sessions(gateway)).find(({ files }) => files.some(({ path }) => path === name)),
      );
    const [first, second, third] = [
      await having("/tmp/by-the-first"),
      await having("/tmp/by-the-second"),
      await having("memfd:miner"),
    ];
    assert.deepEqual([first.files.length, second.files.length], [1, 2]);
    assert.notEqual(first.id, second.id);
    assert.equal(third.id, second.id);
    const miner = second.files.find(({ path }) => path === "memfd:miner");
    assert.equal(miner?.how, "run");
    const kept = await readFile(join(gateway.data, "artifacts", miner.sha256 ?? ""));
    assert.equal(kept.length, miner.size);
    assert.equal(kept.toString("latin1", 0, 4), "\x7fELF");
  });

  it("writes an event of each program that was run, not of what the server itself did", async () => {
    const { events } = await eventually("the event", async () => {
      const text = await readFile(join(gateway.data, "events/mitsubako.json"), "utf8");
      const all = text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      return all.some(({ path }) => path === "/tmp/brought") ? { events: all } : undefined;
    });
    const ran = events.filter(({ eventid }) => eventid === "cowrie.process.exec");
    assert.equal(ran.find(({ path }) => path === "/tmp/brought")?.["args"], "/bin/sh /tmp/brought");
    assert.ok(!ran.some(({ path }) => path === "/usr/sbin/sshd"));
  });

  it("runs a watcher with a user of its own, no right, no network, and nothing in sight but our code", async () => {
    const pid = await only(gateway, "gateway/watcher/main.ts");
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1] ?? "missing";
    assert.equal(new Set(field("Uid").split(/\s+/)).size, 1);
    assert.ok(Number(field("Uid").split(/\s+/)[0]) >= 1_900_000_000);
    assert.deepEqual([field("Groups").trim(), field("NoNewPrivs")], ["", "1"]);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(field(set), "0000000000000000", set);
    assert.deepEqual((await readdir(`/proc/${pid}/root/run/mitsubako`)).sort(), ["code", "node"]);
    await assert.rejects(stat(`/proc/${pid}/root/var/run/docker.sock`), { code: "ENOENT" });
    assert.notEqual(
      (await stat(`/proc/${pid}/ns/net`)).ino,
      (await stat("/proc/self/ns/net")).ino,
      "a network namespace with nothing in it",
    );
  });

  it("shows nothing of it inside", async () => {
    const { stdout } = await ssh(gateway, WHO, [
      "grep -h TracerPid /proc/[0-9]*/status | sort -u; cat /proc/[0-9]*/comm | sort -u; ls /sys/kernel/tracing /sys/kernel/debug /sys/fs/bpf 2>/dev/null",
    ]);
    const said = stdout.toString();
    assert.match(said, /^TracerPid:\t0\n/);
    assert.doesNotMatch(said, /TracerPid:\t[1-9]|\b(tap|node)\b|events|instances/);
  });

  it("sees again after its watcher, and after its loader, was killed", async () => {
    for (const [index, name] of ["gateway/watcher/main.ts", "tools/tap"].entries()) {
      const [victim, other] = [
        await only(gateway, name),
        await only(gateway, index === 0 ? "tools/tap" : "gateway/watcher/main.ts"),
      ];
      process.kill(victim, "SIGKILL");
      await eventually("both anew", async () => {
        const now = await Promise.all([
          pids(gateway, name),
          pids(gateway, index === 0 ? "tools/tap" : "gateway/watcher/main.ts"),
        ]);
        return now.every((list) => list.length === 1) && ![victim, other].includes(now[0][0] ?? 0)
          ? true
          : undefined;
      });
      await eventually("what is run after it", async () => {
        await ssh(gateway, WHO, [`/bin/true after-kill-${index}; sleep 1`]);
        const all = await sessions(gateway);
        const seen = all.flatMap(({ facts, late }) => runs([...facts, ...late]));
        return seen.some(({ argv }) => argv[1] === `after-kill-${index}`) ? true : undefined;
      });
    }
  });
});

interface Session {
  readonly id: string;
  readonly facts: ProcessFact[];
  readonly late: ProcessFact[];
  readonly files: FileFact[];
  readonly lateFiles: FileFact[];
}

async function sessions({ data }: Gateway): Promise<Session[]> {
  const found: Session[] = [];
  for (const day of await readdir(join(data, "recordings")))
    for (const id of await readdir(join(data, "recordings", day))) {
      const folder = join(data, "recordings", day, id);
      const facts: ProcessFact[] = [];
      const files: FileFact[] = [];
      for await (const entry of readEntries(join(folder, "session.mbr")))
        if (entry.type !== "fact") continue;
        else if (entry.fact.kind === "process") facts.push(entry.fact);
        else if (entry.fact.kind === "file") files.push(entry.fact);
      const open = join(data, "live/network", `${day}.${id}.jsonl`);
      const read = (await readLateFacts(join(folder, "network.jsonl"))) ?? (await readLateFacts(open));
      const all = (read?.facts ?? []).map(({ fact }) => fact);
      const late = all.filter((fact) => fact.kind === "process");
      found.push({ id, facts, late, files, lateFiles: all.filter((fact) => fact.kind === "file") });
    }
  return found;
}

function runs(facts: readonly ProcessFact[]): ProgramRun[] {
  return facts.filter((fact) => fact.did === "run");
}

async function pids({ pid }: Gateway, name: string): Promise<number[]> {
  const { stdout } = await run("pgrep", ["-P", String(pid), "-f", name]);
  return stdout.toString().split("\n").filter(Boolean).map(Number);
}

async function only(gateway: Gateway, name: string): Promise<number> {
  const [pid = 0, ...others] = await pids(gateway, name);
  assert.ok(pid > 0 && others.length === 0, `one ${name}`);
  return pid;
}
