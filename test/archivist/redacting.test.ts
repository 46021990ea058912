import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { rebuild } from "../../gateway/archivist/rebuild.ts";
import { recordings } from "../../gateway/index/find-recording.ts";
import { rebuildIndex } from "../../gateway/index/rebuild.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { isOver } from "../../gateway/model/recording-file.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { Seals } from "../../gateway/warden/seals.ts";
import { Conversation } from "../evidence/conversation.ts";
import { NETWORK_FACTS } from "../evidence/network-facts.ts";
import { ROWS } from "../index/rows.ts";
import { ArchivistChild, UUID } from "./child.ts";
import { DAY, dataFolder, Live, putLateFacts } from "./folder.ts";

const [OLD, KEYS, NEW] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as [
  SessionId,
  SessionId,
  SessionId,
];
const TODAY = new Date().toISOString().slice(0, 10);
const AN_HOUR = 3_600_000;

/** A data folder with an archivist, and the warden's part of sealing and redacting. */
class Bench {
  readonly data: string;
  readonly logged: string[] = [];
  readonly #t: TestContext;
  #seals: Seals | undefined;
  /** Tells the archivist when what it made was taken. */
  answers = true;

  private constructor(t: TestContext) {
    this.#t = t;
    this.data = dataFolder(t);
    mkdirSync(join(this.data, "keys"));
    mkdirSync(join(this.data, "live", "taken"));
  }

  static async of(t: TestContext): Promise<Bench> {
    assert.equal(process.getuid?.(), 0, "this test gives files to another group, which needs root");
    const bench = new Bench(t);
    bench.#seals = await Seals.open({
      data: bench.data,
      readers: 1_900_000_063,
      dropsCredentials: (_, day) => isOver(day, AN_HOUR, Date.now()),
      log: pino({ level: "warn" }, { write: (line) => bench.logged.push(line) }),
    });
    t.after(() => bench.#seals?.[Symbol.asyncDispose]());
    return bench;
  }

  async start(credentials?: number): Promise<ArchivistChild> {
    const archivist = await ArchivistChild.start(this.#t, this.data, {}, credentials);
    const take = async (message: (typeof archivist.said)[number]) => {
      if (message.kind === "sealed") await this.#seals?.take(message.session, message.path);
      else if (message.kind === "redacted") await this.#seals?.redact(message);
      else return;
      const { session, path } = message;
      if (this.answers)
        archivist.tell(
          message.kind === "sealed"
            ? { kind: "seal-taken", session }
            : { kind: "redaction-taken", session, path },
        );
    };
    for (const message of archivist.said) void take(message);
    archivist.process.on("message", (message: (typeof archivist.said)[number]) => void take(message));
    return archivist;
  }

  async until(done: () => boolean | Promise<boolean>): Promise<void> {
    const end = performance.now() + 60_000;
    while (!(await done())) {
      assert.ok(performance.now() < end, "it is taking too long");
      await sleep(20);
    }
  }

  tables(data = this.data): Record<string, Record<string, unknown>[]> {
    using database = new DatabaseSync(join(data, "index.sqlite"), { readOnly: true });
    return Object.fromEntries(
      Object.entries(ROWS).map(([name, sql]) => [
        name,
        database.prepare(sql).all() as Record<string, unknown>[],
      ]),
    );
  }

  passwords(): unknown[] {
    return (this.tables()["texts"] ?? []).filter(({ kind }) => kind === "password").map(({ text }) => text);
  }

  /** Sealed, and with so many credentials without their passwords. */
  async isSealed(session: SessionId, dropped?: number): Promise<boolean> {
    const found = [...recordings(this.data)].find((one) => one.session === session && !one.live);
    if (found === undefined) return false;
    const { seal, dropped: count } = await verify(join(this.data, found.path));
    return seal !== undefined && count === dropped;
  }

  lines(): number {
    return readFileSync(join(this.data, "ledger.jsonl"), "utf8").split("\n").length - 1;
  }
}

/** Ends a session, one of today if it is new. */
async function ended(bench: Bench, archivist: ArchivistChild, talk: Conversation): Promise<string> {
  const live = new Live(bench.data, talk.session);
  live.write(talk.entries);
  let path = await live.finish(talk.end());
  if (talk.session === NEW) {
    const today = path.replace(DAY, TODAY);
    mkdirSync(join(bench.data, dirname(today)), { recursive: true });
    renameSync(join(bench.data, path), join(bench.data, today));
    path = today;
  }
  archivist.tell({ kind: "session-finished", session: talk.session, path });
  await archivist.archived(talk.session);
  return path;
}

function talks(): Conversation[] {
  const old = new Conversation(OLD).hello().password("root", "only-theirs", "refused");
  old.password("root", "shared", "accepted").leased();
  return [
    old,
    new Conversation(KEYS).hello().key("root", false, "refused"),
    new Conversation(NEW).login("root", "shared"),
  ];
}

test("passwords of old sessions go from recordings and index, and a rebuild says what the index says", async (t) => {
  const bench = await Bench.of(t);
  const archivist = await bench.start();
  const paths = [];
  for (const talk of talks()) paths.push(await ended(bench, archivist, talk));
  putLateFacts(bench.data, paths[0] ?? "", NETWORK_FACTS);
  archivist.tell({ kind: "network", session: OLD, path: paths[0] ?? "" });
  await bench.until(
    async () => (await bench.isSealed(OLD)) && (await bench.isSealed(NEW)) && bench.lines() === 3,
  );
  assert.deepEqual(bench.passwords(), ["only-theirs", "shared"]);
  const before = bench.tables();

  const events = { rotate: "size", rotateAt: 1e8, keep: 5, stdout: false } as const;
  archivist.tell({ kind: "policy", events, credentials: AN_HOUR });
  await bench.until(() => bench.lines() === 5 && bench.passwords().length === 1);
  await archivist.drain();
  assert.deepEqual([archivist.problems, bench.logged], [[], []]);
  assert.deepEqual(bench.passwords(), ["shared"]);
  assert.ok(await bench.isSealed(OLD, 2));
  assert.ok(await bench.isSealed(NEW));
  const after = bench.tables();
  for (const name of ["late_network", "transfers", "findings", "waiting"])
    assert.deepEqual(after[name], before[name]);
  const shown = after["sessions"]?.map(({ password }) => password);
  assert.deepEqual(shown, ["\u0101dropped", null, "shared"]);
  const file = readFileSync(join(bench.data, "index.sqlite"));
  assert.equal(file.includes("only-theirs"), false);

  const again = join(bench.data, "again");
  cpSync(join(bench.data, "recordings"), join(again, "recordings"), { recursive: true });
  await rebuildIndex(again);
  assert.deepEqual(bench.tables(again), after);
  const context = { uuid: UUID, arch: "linux-x64-lsb" };
  await rebuild(again, { context, eventsFolder: join(again, "events"), rotateAt: 1e9 });
  const told = readFileSync(join(again, "events", "mitsubako.json"), "utf8")
    .split("\n")
    .filter((line) => line.includes("cowrie.login") && line.includes(OLD))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    told.map((event) => [event["password"], event["mitsubako_password_dropped"]]),
    [[undefined, true], [undefined, true]], // prettier-ignore
  );
});

test("what a killed archivist had not done yet is done after the next start; what is not sealed is sealed first", async (t) => {
  const bench = await Bench.of(t);
  const first = await bench.start();
  const [old, keys] = talks();
  assert.ok(old && keys);
  await ended(bench, first, old);
  await bench.until(() => bench.isSealed(OLD));
  // The recording is in its place; that the index is to follow was never heard.
  await first.drain();
  bench.answers = false;
  const second = await bench.start(AN_HOUR);
  await bench.until(() => bench.isSealed(OLD, 2));
  assert.equal(bench.passwords().length, 2);
  await second.kill();
  bench.answers = true;
  const third = await bench.start(AN_HOUR);
  await bench.until(() => bench.passwords().length === 0);
  const late = new Conversation(NEW).login("root", "late");
  const live = new Live(bench.data, NEW);
  live.write(late.entries);
  await live.finish(late.end());
  await third.drain();
  const fourth = await bench.start(AN_HOUR);
  await bench.until(() => bench.isSealed(NEW));
  fourth.tell({
    kind: "policy",
    events: { rotate: "size", rotateAt: 1e8, keep: 5, stdout: false },
    credentials: AN_HOUR,
  });
  await bench.until(async () => (await bench.isSealed(NEW, 1)) && bench.passwords().length === 0);
  await fourth.drain();
  assert.deepEqual([third.problems, fourth.problems, bench.logged], [[], [], []]);
});

test("a recording that is not what was sealed keeps what it has, and the log says so once; others lose theirs", async (t) => {
  const bench = await Bench.of(t);
  const first = await bench.start();
  const [old] = talks();
  assert.ok(old);
  const path = join(bench.data, await ended(bench, first, old), "session.mbr");
  const other = new Conversation("dddddddddddd").login("root", "other");
  await ended(bench, first, other);
  await bench.until(async () => (await bench.isSealed(OLD)) && (await bench.isSealed(other.session)));
  await first.drain();
  const bytes = readFileSync(path);
  bytes[50] = (bytes[50] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const second = await bench.start(AN_HOUR);
  await bench.until(() => bench.isSealed(other.session, 1));
  const events = { rotate: "size", rotateAt: 1e8, keep: 5, stdout: false } as const;
  second.tell({ kind: "policy", events, credentials: AN_HOUR + 1 });
  await second.drain();
  assert.deepEqual(readFileSync(path), bytes);
  const [problem, ...more] = second.problems;
  assert.match(problem ?? "", /aaaaaaaaaaaa could not lose its passwords, and stays as it is: .*frame 1/);
  assert.deepEqual([more, bench.logged], [[], []]);
});
