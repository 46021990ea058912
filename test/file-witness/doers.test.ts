/** Whose doing it was, and what becomes of it where that is not known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { FileDoers, type Deed } from "../../gateway/warden/file-doers.ts";
import type { Seen } from "../../gateway/warden/sandbox-facts.ts";
import { settle } from "../../gateway/warden/settling.ts";
import type { Doer } from "../../gateway/warden/watch/process-watch.ts";

const [ALICE, BOB] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"] as SessionId[] as [SessionId, SessionId];
const SANDBOX = "10.0.0.2";

function deed(name: string, process: number, script?: string): Deed {
  const path = toByteString(Buffer.from(`/tmp/${name}`));
  const keep = () => Promise.resolve({ sha256: script ?? "" });
  return {
    fact: { kind: "file", how: script === undefined ? "deleted" : "run", path, size: 1, time: 1 },
    ...{ process, seen: 1 },
    ...(script === undefined ? {} : { ifScript: { keep, bytes: 1 } }),
  };
}

async function told(
  occupants: readonly SessionId[],
  ask: ((processes: readonly number[]) => readonly (Doer | undefined)[] | undefined) | undefined,
  deeds: readonly Deed[],
) {
  const taken: Seen[] = [];
  const processes = ask && {
    ask: (_: string, asked: readonly { process: number }[]) =>
      Promise.resolve(ask(asked.map(({ process }) => process))),
  };
  const doers = new FileDoers({
    occupants: () => occupants,
    processes: () => processes,
    take: (seen) => taken.push(seen),
    failed: assert.ifError,
  });
  for (const one of deeds) await doers.add(SANDBOX, one);
  await doers.settled(SANDBOX);
  return taken.flatMap(({ session, facts }) =>
    facts.map((fact) => fact.kind === "file" && [fact.path, session, fact.whose, fact.how]),
  );
}

test("who is alone did it, and nobody is asked; of several it is whose process it was, else the last's", async () => {
  const mayNotAsk = () => assert.fail("it was asked");
  assert.deepEqual(await told([ALICE], mayNotAsk, [deed("x", 1)]), [
    ["/tmp/x", undefined, "alone", "deleted"],
  ]);
  const whose = (processes: readonly number[]) =>
    processes.map((process) =>
      process === 3 ? undefined : { session: process === 1 ? ALICE : BOB, ranFile: false },
    );
  const deeds = [deed("a", 1), deed("b", 2), deed("c", 3)];
  assert.deepEqual(await told([ALICE, BOB], whose, deeds), [
    ["/tmp/a", ALICE, "process", "deleted"],
    ["/tmp/b", BOB, "process", "deleted"],
    ["/tmp/c", undefined, "last", "deleted"],
  ]);
  for (const nobody of [undefined, () => undefined])
    assert.deepEqual(await told([ALICE, BOB], nobody, [deed("a", 1)]), [
      ["/tmp/a", undefined, "last", "deleted"],
    ]);
});

test("what was read counts as run only where it was the script, and its order stays", async () => {
  const deeds = [deed("x", 1, "ab"), deed("y", 2, "cd"), deed("z", 1)];
  const whose = (processes: readonly number[]) =>
    processes.map((process) => ({ session: ALICE, ranFile: process === 1 }));
  assert.deepEqual(await told([ALICE], whose, deeds), [
    ["/tmp/x", undefined, "alone", "run"],
    ["/tmp/z", undefined, "alone", "deleted"],
  ]);
  assert.deepEqual(
    await told([ALICE], () => undefined, deeds),
    [["/tmp/z", undefined, "alone", "deleted"]],
    "nobody guesses",
  );
});

test("a session's end waits for both watchers, not for ever, and says what came of it", async () => {
  const says = (settled: boolean) => ({ settle: () => Promise.resolve(settled) });
  const never = { settle: () => new Promise<boolean>(() => undefined) };
  assert.equal(await settle(SANDBOX, { files: says(true), processes: says(true) }), true);
  assert.equal(await settle(SANDBOX, { files: says(true), processes: says(false) }), false);
  assert.equal(await settle(SANDBOX, { files: never, processes: says(true) }, 1), false);
});
