import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { test, type TestContext } from "node:test";
import { pino } from "pino";
import { everyRecording, ledgerFiles } from "../../gateway/commands/verified.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { verifyCommand } from "../../gateway/replay/verify-command.ts";
import { CredentialDropper } from "../../gateway/recording/redact.ts";
import { sealChanged, sealRecording } from "../../gateway/recording/seal.ts";
import { Seals } from "../../gateway/warden/seals.ts";
import { channelData, ENDED, ownFolder, SMALL_FACTS, steadyRecording } from "../recording/sample.ts";

const IDS = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as [SessionId, SessionId, SessionId];
const [A, B] = IDS;

/** A data folder of three recordings, each sealed and in the ledger. */
class Data {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async of(t: TestContext): Promise<Data> {
    assert.equal(process.getuid?.(), 0, "this test gives files to another group, which needs root");
    const data = new Data(ownFolder(t));
    for (const each of ["keys", "live/taken", "sealing"])
      mkdirSync(join(data.folder, each), { recursive: true });
    await using seals = await data.open();
    for (const id of IDS) {
      await data.write(id, id);
      await sealRecording(data.recording(id), join(data.folder, `sealing/${id}.mbr`), id, []);
      await seals.take(id, `recordings/2026-11-23/${id}`);
    }
    return data;
  }

  open(): Promise<Seals> {
    const log = pino({ level: "error" });
    return Seals.open({ data: this.folder, readers: 1_900_000_063, dropsCredentials: () => true, log });
  }

  /** Makes a recording without passwords of one with them. */
  async redact(id: SessionId): Promise<string> {
    const given = join(this.folder, `sealing/${id}.mbr`);
    await sealChanged(this.recording(id), given, new CredentialDropper());
    return given;
  }

  /** A recording that is not sealed, in the place of whatever is there. */
  async write(id: SessionId, said: string): Promise<void> {
    const folder = join(this.folder, "recordings/2026-11-23", id);
    mkdirSync(folder, { recursive: true });
    const recording = steadyRecording(folder, id);
    for (const fact of SMALL_FACTS) recording.fact(fact);
    recording.packet("upstream", 1, channelData(said));
    renameSync((await recording.close(ENDED)).path, this.recording(id));
  }

  recording(id: SessionId): string {
    return join(this.folder, "recordings/2026-11-23", id, "session.mbr");
  }

  get ledger(): string {
    return join(this.folder, "ledger.jsonl");
  }

  /** As the command line has it. */
  async verify(sessions: string[] = [], more = {}, json = false): Promise<{ code: number; said: string }> {
    let said = "";
    const stdout = new Writable({
      write(piece: Buffer, _, done) {
        said += piece.toString();
        done();
      },
    });
    const ledger = ledgerFiles({ data: this.folder, ...more });
    const code = await verifyCommand(
      { sessions, json, ...(ledger && { ledger }) },
      { stdout },
      (session) => Promise.resolve(this.recording(session as SessionId)),
      () => everyRecording(this.folder),
    );
    return { code, said };
  }
}

test("all of a data folder that is as it was sealed", async (t) => {
  const { code, said } = await (await Data.of(t)).verify();
  assert.match(
    said,
    /^(?:[abc]{12}: complete, .* sealed, last hash [0-9a-f]{64}\. Line [123] of the ledger vouches for it, of 20.*\n){3}The ledger: 3 lines, each signed/,
  );
  assert.equal(code, 0);
});

test("a recording that was exchanged for another, sealed or not, is found", async (t) => {
  const data = await Data.of(t);
  await data.write(A, "something else");
  const plain = await data.verify([A]);
  assert.deepEqual([plain.code, /not what the ledger vouches for/.test(plain.said)], [1, true]);
  const other = `${data.recording(A)}.sealed`;
  await sealRecording(data.recording(A), other, A, []);
  renameSync(other, data.recording(A));
  const sealed = await data.verify([A]);
  assert.deepEqual([sealed.code, /not what the ledger vouches for/.test(sealed.said)], [1, true]);
  assert.equal((await data.verify([B])).code, 0);
});

test("the same bytes, not sealed any more, are still vouched for; what waits to be sealed is no fault", async (t) => {
  const data = await Data.of(t);
  await data.write(A, A);
  assert.match((await data.verify([A])).said, /Line 1 of the ledger vouches/);
  await data.write("dddddddddddd" as SessionId, "new");
  assert.equal((await data.verify()).code, 0);
});

test("a recording that is gone, and a sealed one that no line is for, are found", async (t) => {
  const data = await Data.of(t);
  rmSync(join(data.recording(A), ".."), { recursive: true });
  const gone = await data.verify();
  assert.deepEqual([gone.code, /\naaaaaaaaaaaa: .* is not here/.test(gone.said)], [1, true]);
  writeFileSync(data.ledger, readFileSync(data.ledger, "utf8").split("\n").slice(0, 1).join("\n") + "\n");
  const without = await data.verify([B]);
  assert.deepEqual([without.code, /not in the ledger/.test(without.said)], [1, true]);
});

test("a ledger of which a line was changed or taken away, or that another key signed, is found", async (t) => {
  const data = await Data.of(t);
  const lines = readFileSync(data.ledger, "utf8");
  writeFileSync(data.ledger, lines.replace("\n{", "\n{ "));
  assert.match((await data.verify()).said, /ledger: line 2 is bad \(it is not signed/);
  writeFileSync(data.ledger, lines.split("\n").toSpliced(1, 1).join("\n"));
  const { code, said } = await data.verify();
  assert.deepEqual([code, /line 2 is bad \(it does not follow/.test(said)], [1, true]);
  writeFileSync(data.ledger, lines);
  const other = await Data.of(t);
  const foreign = await data.verify([], { key: join(other.folder, "ledger.pub") });
  assert.deepEqual([foreign.code, /line 1 is bad/.test(foreign.said)], [1, true]);
  assert.throws(() => ledgerFiles({ data: data.folder, ledger: data.ledger }), { code: "bad-usage" });
  await assert.rejects(data.verify([], { key: data.ledger }), { code: "bad-usage" });
});

test("a recording that lost its passwords by a line of the ledger is as it should be, and is said to be without", async (t) => {
  const data = await Data.of(t);
  await data.redact(A);
  {
    await using seals = await data.open();
    await seals.redact({ session: A, path: `recordings/2026-11-23/${A}`, line: 0, unchanged: false });
    const line = readFileSync(data.ledger, "utf8").indexOf("\n") + 1;
    await seals.redact({ session: B, path: `recordings/2026-11-23/${B}`, line, unchanged: true });
  }
  const all = await data.verify();
  assert.match(
    all.said,
    /aaaaaaaaaaaa: complete, .* entries, 1 of them without their passwords, .* Its credentials were dropped as the policy wants it, says line 4 of the ledger, of 20.*Z; line 1 vouches for what it was before\.\n/,
  );
  assert.match(all.said, /bbbbbbbbbbbb: .* Line 2 of the ledger vouches for it.*\n/);
  assert.match(all.said, /The ledger: 5 lines/);
  assert.deepEqual([all.code, (await data.verify([A])).code], [0, 0]);
  const [row] = (await data.verify([A], {}, true)).said.split("\n");
  const { dropped, ledgerLine, redacted } = JSON.parse(row ?? "") as Record<string, unknown>;
  const { line, rule, was } = redacted as Record<string, unknown>;
  assert.deepEqual([dropped, ledgerLine, line, rule, typeof was], [1, 1, 4, "credentials", "string"]);

  // Changed since then.
  const bytes = readFileSync(data.recording(A));
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  writeFileSync(data.recording(A), bytes);
  const changed = await data.verify([A]);
  assert.deepEqual(
    [changed.code, /frame 1, bytes 32 to .* is not what was sealed/.test(changed.said)],
    [1, true],
  );
});

test("one whose passwords were taken out by somebody else is not what the ledger vouches for", async (t) => {
  const data = await Data.of(t);
  renameSync(await data.redact(A), data.recording(A));
  const { code, said } = await data.verify();
  assert.deepEqual(
    [code, /aaaaaaaaaaaa: .* It is not what the ledger vouches for\.\n/.test(said)],
    [1, true],
  );
});
