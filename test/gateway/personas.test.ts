/** Two doors of one gateway that are two servers: other host keys, another name and sandbox behind each, from one policy. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { eventually, mitsubako, run, ssh, startGateway, type Gateway } from "./harness.ts";

/** Which image is behind the second door; any that is built will do, such as debian-13. */
const SECOND = process.env["MITSUBAKO_TEST_PERSONA"] ?? "debian-12";
const WHO = { user: "root", password: "letmein", from: "127.40.0.1" };
const DOORS = ["127.0.0.1:0", "127.0.0.1:0"];

const policyWith = (port: number, persona: string) => `
sandbox: { most: 6, spares: 1 }
persona: { hostname: web01 }
profiles:
  - name: guests
    match: { user: guest* }
    persona: { hostname: guests01 }
  - name: build server
    match: { listener: ${port} }
    persona: { ${persona} }
`;
const BUILD = `name: ${SECOND}, hostname: build02, banner: "Build machines\\n"`;

test("two listeners are two servers: host keys, name, banner, past and sandboxes are each one's own, over kill -9 too", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-personas-"));
  t.after(() => rm(folder, { recursive: true }));
  const data = join(folder, "data");
  const before: string[][] = [];
  {
    await using gateway = await startGateway({ data, listen: DOORS, policy: "persona: { hostname: web01 }" });
    const [front, back] = doorsOf(gateway);
    assert.deepEqual(await keysAt(front), await keysAt(back), "one server at two doors");
    await takeOver(gateway, policyWith(back.port, BUILD));
    before.push(await keysAt(front), await keysAt(back));
    assert.equal(intersection(before).length, 0, "no key is at both");

    const web = await look(front, WHO, "touch /root/was-here");
    const build = await look(back);
    assert.deepEqual([web.name, web.keys, web.files], ["web01", before[0], "was-here"]);
    assert.deepEqual([build.name, build.keys, build.files], ["build02", before[1], ""], "another sandbox");
    assert.equal((await look(front)).files, "was-here", "found again");
    assert.notEqual(build.past, web.past, "they are no twins");
    assert.match(build.past, / build02 /);
    assert.match(web.past, / web01 /);
    assert.match(build.said, /Build machines/);
    assert.doesNotMatch(web.said, /Build machines/);
    const guest = await look(back, { ...WHO, user: "guest1", from: "127.40.0.9" });
    assert.deepEqual([guest.name, guest.keys], ["guests01", before[1]], "what was shown stays true");

    await told(gateway);
    await refused(gateway, back.port);
    gateway.process.kill("SIGKILL");
    await eventually("its end", () => Promise.resolve(gateway.process.signalCode ?? undefined), 60_000);
  }
  await using gateway = await startGateway({ data, listen: DOORS, policy: "persona: { hostname: web01 }" });
  const [front, back] = doorsOf(gateway);
  await takeOver(gateway, policyWith(back.port, BUILD));
  assert.deepEqual([await keysAt(front), await keysAt(back)], before, "the keys are those from before");
  assert.equal((await look(back)).name, "build02");
});

test("a gateway whose policy names an image that cannot be made does not start, and says what to do", async () => {
  const policy =
    "profiles:\n  - name: back\n    match: { listener: 2223 }\n    persona: { name: no-such-system }\n";
  await assert.rejects(startGateway({ policy }), /no-such-system/);
});

type Door = Pick<Gateway, "port">;

function doorsOf({ addresses }: Gateway): readonly [Door, Door] {
  const [front, back] = addresses;
  assert.ok(front && back);
  return [front, back];
}

/** Public keys, in the order of their text. */
async function keysAt({ port }: Door): Promise<string[]> {
  const { stdout } = await run("ssh-keyscan", ["-T", "30", "-p", String(port), "127.0.0.1"]);
  const keys = stdout
    .toString()
    .split("\n")
    .flatMap((line) => /^\S+ (\S+ \S+)$/.exec(line)?.[1] ?? [])
    .sort();
  assert.equal(keys.length, 3, stdout.toString());
  return keys;
}

function intersection([one = [], other = []]: readonly string[][]): string[] {
  return one.filter((key) => other.includes(key));
}

/** What is found inside, and what was said before; `first` is done before that. */
async function look(door: Door, who = WHO, first = "true") {
  const parts = [
    "hostname",
    "ls /root 2>/dev/null",
    "cut -d' ' -f1,2 /etc/ssh/ssh_host_*_key.pub",
    // From long before anybody came; not for every user.
    "cat /etc/machine-id; zcat -f /var/log/auth.log.* 2>/dev/null | head -n 40; true",
  ];
  const options = ["-o", "LogLevel=INFO"];
  const { code, stdout, stderr } = await ssh(door, { ...who, options }, [
    [first, ...parts].join("; echo ----; "),
  ]);
  assert.equal(code, 0, stderr.toString());
  const [, name = "", files = "", keys = "", past = ""] = stdout
    .toString()
    .split("----\n")
    .map((text) => text.trim());
  return { name, files, keys: keys.split("\n").sort(), past, said: stderr.toString() };
}

async function takeOver(gateway: Gateway, policy: string): Promise<void> {
  await writeFile(gateway.policy, policy);
  await eventually(
    "the new policy in force",
    () => Promise.resolve(gateway.log().includes("a new policy is in force") ? true : undefined),
    60_000,
  );
}

/** What operators find of it. */
async function told(gateway: Gateway): Promise<void> {
  const status = await eventually(
    "the status",
    async () => {
      const { stdout } = await mitsubako(gateway, "status");
      return /build02/.test(stdout.toString()) ? stdout.toString() : undefined;
    },
    60_000,
  );
  assert.match(status, /personas {3}debian-12 as web01, host keys debian-12: 1 source\n/);
  assert.ok(status.includes(`${SECOND} as build02, host keys ${SECOND}@build02: 2 sources\n`), status);
  const connect = await eventually(
    "the event",
    async () => {
      const text = await readFile(join(gateway.data, "events", "mitsubako.json"), "utf8");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as CowrieEvent)
        .find((event) => event["mitsubako_hostname"] === "build02");
    },
    60_000,
  );
  assert.equal(connect.eventid, "cowrie.session.connect");
  assert.equal(connect["mitsubako_persona"], SECOND);
  const { stdout } = await mitsubako(gateway, "show", connect.session, "--full");
  assert.ok(stdout.toString().includes(`persona ${SECOND} (build02)`), stdout.toString());
}

/** What cannot be shown is not taken over; the log says why and what to do. */
async function refused(gateway: Gateway, port: number): Promise<void> {
  await writeFile(gateway.policy, policyWith(port, "name: no-such-system"));
  const status = await eventually(
    "the refusal",
    async () => {
      const { stdout } = await mitsubako(gateway, "status");
      return /REFUSED/.test(stdout.toString()) ? stdout.toString() : undefined;
    },
    60_000,
  );
  assert.match(status, /no sandbox image of the persona no-such-system.*image build no-such-system/);
  assert.match(status, /as build02/, "the old policy stays in force");
}
