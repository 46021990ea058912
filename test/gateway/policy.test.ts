/** A policy that is tried, saved, refused and put right while a gateway runs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { faults } from "../events/field-table.ts";
import { eventually, mitsubako, ssh, startGateway, wasRefused, type Gateway } from "./harness.ts";

const NOBODY = "auth: {otherwise: reject}\nsandbox: {spares: 1}\n";
const SOME = `auth:
  otherwise: reject
  rules:
    - {name: second, user: root, verdict: accept, afterAttempts: 2}
    - {name: admin, user: admin, password: x, verdict: accept}
sandbox: {spares: 1, idle: 2h}
`;

/** The last number of their address, user, password. */
const TRAFFIC = [
  [1, "root", "a"],
  [1, "root", "b"],
  [1, "root", "c"],
  [1, "root", "b"],
  [2, "admin", "x"],
] as const;

/** As it comes; who was let in, each as user and password. */
async function comes(gateway: Gateway, network: string): Promise<string[]> {
  const letIn: string[] = [];
  for (const [last, user, password] of TRAFFIC) {
    const ran = await ssh(gateway, { user, password, from: `${network}.${last}` }, ["true"]);
    if (ran.code === 0) letIn.push(`${user} ${password}`);
    else assert.ok(wasRefused(ran), ran.stderr.toString());
  }
  return letIn;
}

interface Trial {
  readonly outcome: {
    readonly sessions: number;
    readonly letIn: { readonly happened: number; readonly would: number };
    readonly newlyIn: { readonly examples: readonly { user: string; password: string }[] };
    readonly newlyOut: { readonly count: number };
    readonly sandboxes: { readonly peak: { readonly count: number } };
  };
}

it("policy try foresees what a policy makes of the same traffic live; status tells what is in force and what was refused", async () => {
  await using gateway = await startGateway({ policy: NOBODY });
  const status = async () => {
    const { code, stdout } = await mitsubako(gateway, "status");
    return { code, text: stdout.toString() };
  };
  const shows = (what: string, pattern: RegExp) =>
    eventually(what, async () => {
      const now = await status();
      return pattern.test(now.text) ? now : undefined;
    });
  const trialOf = async (file: string, sessions: number): Promise<Trial["outcome"]> =>
    eventually("all in the index", async () => {
      const { stdout } = await mitsubako(gateway, "policy", "try", file, "--since", "1h", "--json");
      const { outcome } = JSON.parse(stdout.toString()) as Trial;
      return outcome.sessions === sessions ? outcome : undefined;
    });
  const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");

  const first = await status();
  assert.equal(first.code, 0);
  assert.match(first.text, new RegExp(`runs since .*process ${gateway.pid}, slot ${gateway.slot}\\b`));
  assert.match(first.text, new RegExp(hashOf(NOBODY)));

  assert.deepEqual(await comes(gateway, "127.0.41"), []);
  const file = join(dirname(gateway.policy), "new.yaml");
  await writeFile(file, SOME);
  const foreseen = await trialOf(file, TRAFFIC.length);
  assert.deepEqual(
    foreseen.newlyIn.examples.map(({ user, password }) => `${user} ${password}`),
    ["root b", "root b", "admin x"],
  );

  await writeFile(gateway.policy, SOME);
  const changed = await shows("the new policy", new RegExp(hashOf(SOME)));
  assert.equal(changed.code, 0);
  assert.match(gateway.log(), /sandbox\.idle: \\"1h\\" → \\"2h\\" \(at once\)/);
  assert.deepEqual(await comes(gateway, "127.0.42"), ["root b", "root b", "admin x"]);
  // Of those who came under it, the policy makes what happened.
  const again = await trialOf(file, 2 * TRAFFIC.length);
  assert.deepEqual([again.letIn.happened, again.letIn.would, again.newlyOut.count], [3, 6, 0]);
  assert.equal(again.sandboxes.peak.count, 4);

  const events = async (name: string) =>
    (await readFile(join(gateway.data, "events/mitsubako.json"), "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ eventid }) => eventid === `cowrie.policy.${name}`);
  const [change] = await eventually("the event", async () => {
    const found = await events("changed");
    return found.length > 0 ? found : undefined;
  });
  assert.deepEqual(faults(change ?? {}), []);
  assert.equal(change?.["mitsubako_policy"], hashOf(SOME));
  assert.ok((change["mitsubako_changes"] as string[]).includes('sandbox.idle: "1h" → "2h" (at once)'));

  // Who is in meets the new deadline, counted from their own beginning.
  const inside = ssh(gateway, { user: "admin", password: "x", from: "127.0.42.2" }, ["sleep 100"]);
  await shows("who is in", /1 connection open/);
  await writeFile(gateway.policy, `${SOME}deadlines: {session: 1s}\n`);
  assert.equal((await inside).code, 255);
  await writeFile(gateway.policy, SOME);
  await shows("the policy as before", new RegExp(hashOf(SOME)));

  await writeFile(gateway.policy, `${SOME}sandbx: 1\n`);
  const refused = await shows("the refusal", /REFUSED/);
  assert.equal(refused.code, 1);
  assert.match(refused.text, /policy\.yaml:7:1: "sandbx" is not a key of a policy; did you mean "sandbox"\?/);
  assert.match(refused.text, new RegExp(hashOf(SOME)));
  await writeFile(gateway.policy, SOME);
  await eventually("what was put right", async () =>
    (await status()).text.includes("REFUSED") ? undefined : true,
  );

  assert.equal(await gateway.stop(), 0);
  const [refusal] = await events("refused");
  assert.deepEqual(faults(refusal ?? {}), []);
  assert.match(String(refusal?.["mitsubako_reasons"]), /:7:1: "sandbx" is not a key/);
  const stopped = await status();
  assert.equal(stopped.code, 1);
  assert.match(stopped.text, /was stopped/);
  const history = (await readFile(join(gateway.data, "policy-history.jsonl"), "utf8")).trimEnd().split("\n");
  assert.deepEqual(
    history.map((line) => (JSON.parse(line) as { outcome: string }).outcome),
    ["start", "changed", "changed", "changed", "refused"],
  );
});
