import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { prepareSchema } from "../../gateway/index/schema.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import { crowd, type Stranger } from "./crowd.ts";
import { ROWS } from "./rows.ts";

test("an index that forgot sessions says what one says that never knew them", async () => {
  const all: Stranger[] = [];
  for await (const one of crowd(250, 5)) all.push({ ...one, capture: inOneSandbox(one, all) });
  const forgotten = new Set(all.filter((_, place) => place % 3 === 0).map(({ session }) => session));
  const kept = all.filter(({ session }) => !forgotten.has(session));
  using knew = indexOf(all);
  for (const session of forgotten) knew.index.forget(session);
  using never = indexOf(kept);
  const [rows, expected] = [knew.rows(), never.rows()];
  assert.deepEqual(rows, expected);
  assert.ok(expected["findings"]?.length, "there are files in sandboxes");
  for (const session of kept.map(({ session: id }) => id)) knew.index.forget(session);
  for (const [name, left] of Object.entries(knew.rows())) assert.deepEqual(left, [], name);
});

/** Some sandboxes are come back to: each capture names who was there before, and tells again what it told before. */
function inOneSandbox({ capture, session }: Stranger, before: readonly Stranger[]): Stranger["capture"] {
  if (capture === undefined) return undefined;
  const last = before.findLast((one) => one.capture !== undefined)?.capture;
  if (last === undefined || last.changes.length > 20) return capture;
  const changes = [...last.changes, ...capture.changes];
  return { ...capture, sandbox: last.sandbox, sessions: [...last.sessions, session], changes };
}

function indexOf(strangers: readonly Stranger[]) {
  const database = new DatabaseSync(":memory:");
  prepareSchema(database);
  const index = new IndexStore(database);
  index.awaits(strangers.map(({ session }) => session));
  for (const { session, recording, evidence, capture } of strangers) {
    index.putFinished(recording, "ended", evidence);
    if (capture !== undefined) index.putCapture(session, 1, capture);
  }
  return {
    index,
    rows: () =>
      Object.fromEntries(Object.entries(ROWS).map(([name, sql]) => [name, database.prepare(sql).all()])),
    [Symbol.dispose]: () => {
      database.close();
    },
  };
}
