/** What a policy that drops passwords leaves of recordings that a gateway finds in its data folder. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, mitsubako, startGateway } from "./harness.ts";

const GOLDENS = join(import.meta.dirname, "..", "goldens", "recordings");
const [LOGIN, REFUSED] = ["e8ec0e8ec000", "0ff0ff0ff0ff"];

test("a policy saved while the gateway runs drops the passwords of old sessions, and every reader says so", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-test-retention-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const data = join(folder, "data");
  for (const [id = "", golden] of [
    [LOGIN, "v1-exec"],
    [REFUSED, "v1-refused"],
  ]) {
    const at = join(data, "recordings", "2026-11-23", id);
    mkdirSync(at, { recursive: true });
    copyFileSync(join(GOLDENS, `${golden}.mbr`), join(at, "session.mbr"));
  }
  await using gateway = await startGateway({ policy: "deadlines: { drain: 1s }", data });
  const say = async (...words: string[]) => {
    const { code, stdout, stderr } = await mitsubako({ data }, ...words);
    assert.equal(code, 0, `${words.join(" ")}: ${stdout.toString()} ${stderr.toString()}`);
    return stdout.toString();
  };
  const rows = (text: string) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const verified = async (field: string) =>
    rows(await say("verify", "--json")).filter((row) => row[field] !== undefined);
  await eventually("both are sealed", async () =>
    (await verified("ledgerLine")).length === 2 ? true : undefined,
  );
  assert.match(await say("show", LOGIN), /root \/ 123456 {2}accepted/);
  assert.match(await say("sessions", "--password", "123456"), /^e8ec0e8ec000 /m);

  writeFileSync(gateway.policy, "deadlines: { drain: 1s }\nretention: { credentials: 1h }\n");
  await eventually("passwords are gone from recordings and index", async () => {
    const gone = (await verified("redacted")).length === 2;
    return gone && !(await say("sessions", "--json")).includes(`"123456"`) ? true : undefined;
  });
  assert.equal(await gateway.stop(), 0);

  assert.match(await say("show", LOGIN), /root \/ \(dropped\) {2}accepted by policy/);
  assert.match(await say("sessions"), /root \/ \(dropped\)/);
  const [session] = rows(await say("sessions", "--json", "--user", "root", "--logged-in"));
  assert.deepEqual([session?.["password"], session?.["passwordDropped"]], [undefined, true]);
  assert.equal(await say("sessions", "--password", "123456"), "");
  assert.match(await say("search", "uname"), /root \/ \(dropped\)/);
  const exported = await say("export", LOGIN, "--format", "jsonl");
  assert.match(exported, /"kind":"credential-dropped","attempt":1/);
  assert.doesNotMatch(exported, /"123456"/);
  assert.doesNotMatch(
    await say("export", LOGIN, "--format", "jsonl", "--redact", "credentials"),
    /credential/,
  );
  assert.match(await say("play", LOGIN, "--raw", "--channel", "1"), /Linux srv01/);
  const before = await say("sessions", "--json");
  await say("rebuild", "--events", join(folder, "events"));
  assert.equal(await say("sessions", "--json"), before);
  const events = readFileSync(join(folder, "events", "mitsubako.json"), "utf8");
  assert.match(events, /"mitsubako_password_dropped":true/);
  assert.doesNotMatch(events, /"123456"/);
  assert.match(
    await say("verify", LOGIN),
    /Its credentials were dropped as the policy wants it, says line [34] of the ledger/,
  );
});
