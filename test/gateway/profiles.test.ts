/** Profiles of a policy while a gateway runs: sources that are let in by other rules, under other caps and deadlines. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { tableOf } from "../../gateway/model/slot.ts";
import {
  clientOptions,
  eventually,
  mitsubako,
  run,
  ssh,
  startGateway,
  wasRefused,
  type Gateway,
} from "./harness.ts";

/** The sinkhole answers on this machine; nothing leaves it. Only friends have one. */
const policyWith = (list: string, cap: string, session: string) => `
auth: { otherwise: reject }
sandbox: { spares: 1 }
profiles:
  - name: friends
    match: { sourceFile: ${list} }
    auth: { otherwise: accept }
    persona: { hostname: friend }
    sandbox: { memory: 64m }
    network: { egress: sinkhole, caps: { up: ${cap} } }
  - name: guests
    match: { user: guest* }
    auth: { otherwise: accept }
    deadlines: { session: ${session} }
    network: { egress: deny }
`;
const FRIEND = { user: "root", password: "x", from: "127.20.0.1" };
const STRANGER = { user: "root", password: "x", from: "127.30.0.1" };
const GUEST = { user: "guest1", password: "x", from: "127.30.0.1" };

/** How much /dev/shm holds (half of its memory, at most 64 MiB), its name, and what becomes of a connection to an address that belongs to nobody. */
const LOOK = `df --block-size=1 --output=size /dev/shm | tail -n 1; hostname
timeout 5 bash -c ': < /dev/tcp/198.51.100.9/80' 2>/dev/null && echo answered || echo nothing`;

test("each session has the profile that is for it: auth, sandbox, caps, way out and deadlines, and another one at once when policy or list change", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-profiles-"));
  t.after(() => rm(folder, { recursive: true }));
  const list = join(folder, "friends.txt");
  await writeFile(list, "# the office\n127.20.0.0/24\n");
  await using gateway = await startGateway({ policy: policyWith(list, "64k", "1h") });
  const look = async (who: typeof GUEST) => {
    const { code, stdout, stderr } = await ssh(gateway, who, [LOOK]);
    assert.equal(code, 0, stderr.toString());
    return stdout.toString().trim().split("\n");
  };

  assert.deepEqual(await look(FRIEND), [String(32 * 2 ** 20), "friend", "answered"]);
  assert.ok(wasRefused(await ssh(gateway, STRANGER, ["true"])), "no profile is for them");
  assert.deepEqual(await look(GUEST), [String(64 * 2 ** 20), "srv01", "nothing"]);
  assert.deepEqual((await capsUp(gateway)).sort(byNumber), [64 * 2 ** 10, 5 * 2 ** 20, 5 * 2 ** 20]);

  const friend = await inside(t, gateway, FRIEND);
  const guest = await inside(t, gateway, GUEST);
  await writeFile(gateway.policy, policyWith(list, "128k", "1s"));
  const [code] = (await guest.ended) as [number | null];
  assert.equal(code, 255, "the guest's deadline is over");
  await eventually("another cap on a sandbox that lives", async () =>
    (await capsUp(gateway)).includes(128 * 2 ** 10) ? true : undefined,
  );
  assert.equal(await friend.says("echo $((6 * 7))"), "42", "a friend's session goes on");

  await writeFile(list, "127.20.9.0/24\n");
  await eventually("the list is read anew", async () => {
    const ran = await ssh(gateway, { ...FRIEND, from: "127.20.9.1" }, ["true"]);
    return ran.code === 0 ? true : undefined;
  });
  assert.ok(wasRefused(await ssh(gateway, { ...FRIEND, from: "127.20.0.2" }, ["true"])));
  await writeFile(list, "127.20.9.0/24\n127.20.300.0/24\n");
  await eventually("a bad list is refused", () =>
    Promise.resolve(gateway.log().includes("friends.txt:2:1: a line has to be") ? true : undefined),
  );
  assert.equal((await ssh(gateway, { ...FRIEND, from: "127.20.9.2" }, ["true"])).code, 0, "it was not taken");

  const profiles = await eventually("events", async () => {
    const found = await eventsOf(gateway);
    return found.some(({ eventid, src_ip }) => eventid === "cowrie.login.success" && src_ip === "127.20.9.2")
      ? found
      : undefined;
  });
  const told = (id: string, source: string) =>
    profiles.find(({ eventid, src_ip }) => eventid === `cowrie.${id}` && src_ip === source)?.[
      "mitsubako_profile"
    ];
  assert.equal(told("session.connect", "127.20.0.1"), "friends");
  assert.equal(told("login.success", "127.20.0.1"), "friends");
  assert.equal(told("session.connect", "127.30.0.1"), undefined, "nobody knew of a user yet");
  assert.equal(told("login.failed", "127.30.0.1"), undefined);
  assert.equal(told("login.success", "127.30.0.1"), "guests");
  const { session = "" } = profiles.find(({ src_ip }) => src_ip === "127.20.0.1") ?? {};
  const shown = await mitsubako(gateway, "show", session);
  assert.match(shown.stdout.toString(), /accepted by policy \(auth\.otherwise\), profile friends/);
  assert.match(gateway.log(), /"profile":"guests"/);
});

/** A session that stays. */
async function inside(
  t: { after: (work: () => void) => void },
  gateway: Gateway,
  who: typeof GUEST,
): Promise<{ readonly ended: Promise<unknown>; says: (command: string) => Promise<string> }> {
  const args = [
    "-e",
    "ssh",
    "-p",
    String(gateway.port),
    ...clientOptions(who),
    `${who.user}@127.0.0.1`,
    "sh",
  ];
  const child: ChildProcess = spawn("sshpass", args, {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, SSHPASS: who.password },
  });
  t.after(() => child.kill());
  const ended = once(child, "exit");
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const says = async (command: string) => {
    const before = said.length;
    child.stdin?.write(`${command}\n`);
    return eventually(`an answer to ${command}`, () => {
      const line = said.slice(before).split("\n");
      return Promise.resolve(line.length > 1 ? line[0] : undefined);
    });
  };
  assert.equal(await says("echo in"), "in");
  return { ended, says };
}

/** Bytes that each sandbox may send, spares included. */
async function capsUp({ slot }: Gateway): Promise<number[]> {
  const { stdout } = await run("nft", ["-j", "list", "quotas", "table", "inet", tableOf(slot)]);
  const { nftables } = JSON.parse(stdout.toString()) as {
    nftables: { quota?: { name: string; bytes: number } }[];
  };
  return nftables.flatMap(({ quota }) => (quota?.name.startsWith("up_") === true ? [quota.bytes] : []));
}

function byNumber(one: number, other: number): number {
  return one - other;
}

async function eventsOf({ data }: Gateway): Promise<CowrieEvent[]> {
  const text = await readFile(join(data, "events", "mitsubako.json"), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as CowrieEvent);
}
