import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Ending } from "../../gateway/front/ending.ts";
import { LiveSession } from "../../gateway/front/live-session.ts";
import { SessionRecording } from "../../gateway/front/session-recording.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { readEntries } from "../../gateway/recording/reader.ts";
import { createRecording } from "../../gateway/recording/writer.ts";
import { BOT, SUNK } from "../evidence/network-facts.ts";

const SESSION = "0a1b2c3d4e5f" as SessionId;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "mitsubako-test-live-session-"));
  t.after(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

async function facts(path: string): Promise<unknown[]> {
  const found = [];
  for await (const entry of readEntries(path)) if (entry.type === "fact") found.push(entry.fact);
  return found;
}

test("what its sandbox tried is in a session's recording at once, between what else is, until that is closed", async (t) => {
  const recording = createRecording({ folder: folder(t), session: SESSION });
  const ending = new Ending();
  const own = new SessionRecording(recording);
  const live = new LiveSession(ending, own);
  live.did([BOT]);
  assert.deepEqual(await facts(recording.path), [BOT]);
  const tap = own.tap();
  tap.packet("upstream", Buffer.from([94, 0, 0, 0, 0, 0, 0, 0, 1, 65]));
  live.did([SUNK]);
  tap.flush();
  ending.end("client-closed");
  live.did([BOT]);
  await own.end(ending.fact);
  live.did([BOT]);
  assert.deepEqual(await facts(recording.path), [
    BOT,
    SUNK,
    BOT,
    { kind: "session-ended", reason: "client-closed" },
  ]);
});

test("a fact that cannot be recorded ends the session, and nothing else", (t) => {
  const ending = new Ending();
  const recording = createRecording({ folder: folder(t), session: SESSION });
  t.after(() => recording[Symbol.asyncDispose]());
  const live = new LiveSession(ending, new SessionRecording(recording));
  // Over the bound of an entry: the writer takes nothing more after it.
  live.did([{ ...BOT, data: "x".repeat(5 * 1024 * 1024) as NonNullable<typeof BOT.data> }]);
  assert.equal(ending.fact.reason, "recording-failed");
  live.did([BOT]);
});
