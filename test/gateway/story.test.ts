/** What an operator sees of what a stranger did: recording, files, events and commands tell the same story. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, finishedSessions, mitsubako, ssh, startGateway, type Gateway } from "./harness.ts";

const DROPPED = Buffer.from("#!/bin/sh\n# not really a miner\necho mining\n");
const SHA256 = createHash("sha256").update(DROPPED).digest("hex");
const SOURCE = "127.0.5.1";

interface Event {
  readonly eventid: string;
  readonly session: string;
  readonly [field: string]: unknown;
}

describe("one stranger's visit", () => {
  let gateway: Gateway;
  let session: string;
  before(async () => {
    gateway = await startGateway();
    const who = { user: "root", password: "pass word", from: SOURCE, options: ["-tt"] };
    const typed = `cd /tmp\nprintf '%s' '${DROPPED.toString("base64")}' | base64 -d > .x\nchmod +x .x; ./.x\nrm /etc/motd\necho changed >> /etc/hosts.allow\nexit 3\n`;
    assert.equal((await ssh(gateway, who, [], { input: typed })).code, 3);
    const [folder] = await eventually("a finished session", async () => {
      const found = await finishedSessions(gateway);
      return found.length > 0 ? found : undefined;
    });
    session = folder?.split("/").at(-1) ?? "";
    await eventually("its capture", () =>
      stat(join(folder ?? "", "capture.json")).then(
        () => true,
        () => undefined,
      ),
    );
  });
  after(() => gateway[Symbol.asyncDispose]());

  it("show tells it", async () => {
    const text = (await mitsubako(gateway, "show", session)).stdout.toString();
    for (const part of [SOURCE, "root", "pass word", "cd /tmp", "./.x", "/tmp/.x", SHA256.slice(0, 12)])
      assert.ok(text.includes(part), `${part} is missing in:\n${text}`);
  });

  it("play gives the terminal's output to the byte", async () => {
    const { code, stdout } = await mitsubako(gateway, "play", session, "--raw");
    assert.equal(code, 0);
    assert.match(stdout.toString(), /\rmining\r\n/);
  });

  it("files lists what was added, changed and deleted, and gives the file out to the byte", async () => {
    const { stdout } = await mitsubako(gateway, "files", "--json", "--session", session);
    const changes = stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind?: string; how?: string; path: string; sha256?: string });
    const of = (path: string) => changes.find((change) => change.kind !== undefined && change.path === path);
    assert.equal(changes.find(({ how }) => how === "run")?.sha256, SHA256);
    assert.deepEqual([of("/tmp/.x")?.kind, of("/tmp/.x")?.sha256], ["A", SHA256]);
    assert.equal(of("/etc/hosts.allow")?.kind, "C");
    assert.equal(of("/etc/motd")?.kind, "D");
    for (const ours of ["/etc/ssh/ssh_host_rsa_key", "/etc/hostname", "/.dockerenv"])
      assert.equal(of(ours), undefined, `${ours} is our own doing`);
    const got = await mitsubako(gateway, "files", "get", SHA256, "-o", "-");
    assert.deepEqual(got.stdout, DROPPED);
  });

  it("sessions lists it, verify finds it whole, a flipped bit is found", async () => {
    const [row] = (await mitsubako(gateway, "sessions", "--json")).stdout.toString().trim().split("\n");
    const listed = JSON.parse(row ?? "{}") as Record<string, unknown>;
    assert.equal(listed["session"] ?? listed["id"], session);
    await eventually("it is sealed", async () => {
      const { code, stdout } = await mitsubako(gateway, "verify", session);
      assert.equal(code, 0);
      return / sealed, .* of the ledger vouches for it/.test(stdout.toString()) || undefined;
    });
    const [folder = ""] = await finishedSessions(gateway);
    const recording = join(folder, "session.mbr");
    const bytes = await readFile(recording);
    const broken = Buffer.from(bytes);
    broken.writeUInt8(broken.readUInt8(bytes.length >> 1) ^ 4, bytes.length >> 1);
    await writeFile(recording, broken);
    assert.equal((await mitsubako(gateway, "verify", session)).code, 1);
    await writeFile(recording, bytes);
    assert.equal((await mitsubako(gateway, "verify", session)).code, 0);
  });

  it("events are Cowrie's, each in its order", async () => {
    const text = await readFile(join(gateway.data, "events", "mitsubako.json"), "utf8");
    const events = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Event)
      .filter((event) => event.session === session);
    const names = events.map(({ eventid }) => eventid.replace("cowrie.", ""));
    const wanted = [
      "session.connect",
      "client.version",
      "client.kex",
      "login.success",
      "client.size",
      "command.input",
      "session.file_download",
      "log.closed",
      "session.closed",
    ];
    for (const name of wanted) assert.ok(names.includes(name), `${name} is missing in ${names.join(" ")}`);
    assert.equal(names[0], "session.connect");
    const login = events.find(({ eventid }) => eventid === "cowrie.login.success");
    assert.deepEqual(
      [login?.["username"], login?.["password"], login?.["src_ip"]],
      ["root", "pass word", SOURCE],
    );
  });
});
