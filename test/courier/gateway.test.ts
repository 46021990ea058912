/** A webhook of a real gateway: what it sends, and what its courier could do if the receiver took it over. */
import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { COURIER_INDEX, childUid } from "../../gateway/model/slot.ts";
import { faults, orderFaults } from "../events/field-table.ts";
import { eventually, run, ssh, startGateway, type Gateway } from "../gateway/harness.ts";
import { Receiver } from "./receiver.ts";

const POLICY = (url: string) =>
  `events: { webhook: { url: "${url}", batch: { wait: 0s }, retry: { first: 100ms, most: 200ms } } }\n`;

describe("a gateway with a webhook", { concurrency: 1 }, () => {
  let receiver: Receiver;
  let gateway: Gateway;
  let courier: number;
  before(async () => {
    receiver = await Receiver.start({ after: () => undefined });
    gateway = await startGateway({ policy: POLICY(receiver.url) });
    courier = await courierOf(gateway);
  });
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await receiver.stop();
  });

  it("sends a session's events while it lives, whole, in order, and as they stand in the file", async () => {
    const tried = await ssh(gateway, { user: "root", password: "x", from: "127.0.3.1" }, ["echo", "hello"]);
    assert.equal(tried.code, 0);
    await receiver.until("the session's end", ({ events }) => closed(events) === 1);
    const session = receiver.events[0]?.["session"];
    const events = receiver.events.filter((event) => event["session"] === session && event["late"] !== true);
    assert.deepEqual(events.flatMap(faults), []);
    assert.deepEqual(orderFaults(events), []);
    const written = readFileSync(join(gateway.data, "events/mitsubako.json"), "utf8").split("\n");
    assert.deepEqual(
      written.slice(0, events.length).map((line) => JSON.parse(line) as unknown),
      events,
    );
  });

  it("has a courier with no network, no rights, and nothing but the spool", async () => {
    const status = await readFile(`/proc/${courier}/status`, "utf8");
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1] ?? "missing";
    const uid = String(childUid(gateway.slot, COURIER_INDEX));
    for (const name of ["Uid", "Gid"]) assert.deepEqual(field(name).split(/\s+/), [uid, uid, uid, uid]);
    assert.equal(field("Groups").trim(), "");
    assert.equal(field("NoNewPrivs"), "1");
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(field(set), "0000000000000000", set);
    const { stdout } = await run("nsenter", ["-t", String(courier), "-n", "ip", "-o", "address"]);
    assert.equal(stdout.toString().trim(), "", "not even loopback has an address");
    const seen = await readdir(`/proc/${courier}/root/run/mitsubako`);
    assert.deepEqual(seen.sort(), ["code", "cursor", "node", "spool"]);
    for (const gone of ["run/docker.sock", "root", "home", "etc/shadow"])
      await assert.rejects(stat(`/proc/${courier}/root/${gone}`), { code: "ENOENT" }, gone);
    const as = (...command: string[]) =>
      run("setpriv", ["--reuid", uid, "--regid", uid, "--clear-groups", "--", ...command]);
    for (const folder of ["recordings", "live", "keys", "events", "sealing"])
      assert.notEqual((await as("ls", join(gateway.data, folder))).code, 0, folder);
    const { mode } = statSync(join(gateway.data, "spool/webhook"));
    assert.equal((mode & 0o7777).toString(8), "2750");
  });

  it("loses nothing when courier and archivist are killed, and the receiver is gone for a while", async () => {
    receiver.otherwise = (response) => response.writeHead(503).end();
    const before = receiver.taken.length;
    const tried = await ssh(gateway, { user: "root", password: "x", from: "127.0.3.2" }, ["true"]);
    assert.equal(tried.code, 0);
    process.kill(courier, "SIGKILL");
    const { stdout } = await run("pgrep", ["-P", String(gateway.pid), "-f", "gateway/archivist/main.ts"]);
    process.kill(Number(stdout.toString().trim()), "SIGKILL");
    receiver.otherwise = receiver.takes;
    await receiver.until("the session's end", ({ events }) => closed(events) >= 2);
    const sent = receiver.taken.slice(before).flatMap(({ events }) => events);
    const session = sent.find(({ src_ip }) => src_ip === "127.0.3.2")?.["session"];
    const seen = new Set<unknown>();
    const first = sent.filter(
      ({ session: of, mitsubako_sequence: number, late }) =>
        of === session && late !== true && !seen.has(number) && seen.add(number),
    );
    assert.deepEqual(orderFaults(first), []);
  });

  it("tells what it sent in metrics.prom, and takes another receiver at once", async (t) => {
    const metrics = await eventually(
      "metrics",
      async () => {
        const text = await readFile(join(gateway.data, "metrics.prom"), "utf8").catch(() => "");
        return /mitsubako_webhook_sent_events_total\{slot="\d+"\} [1-9]/.test(text) ? text : undefined;
      },
      40_000,
    );
    for (const name of [
      "failed_requests_total",
      "refused_events_total",
      "dropped_events_total",
      "spool_bytes",
    ])
      assert.match(metrics, new RegExp(`mitsubako_webhook_${name}\\{slot="${gateway.slot}"\\} \\d+\n`));
    const other = await Receiver.start(t);
    writeFileSync(gateway.policy, POLICY(other.url));
    await ssh(gateway, { user: "root", password: "x", from: "127.0.3.3" }, ["true"]);
    await eventually("the new policy", () =>
      Promise.resolve(gateway.log().includes("a new policy is in force") || undefined),
    );
    await ssh(gateway, { user: "root", password: "x", from: "127.0.3.4" }, ["true"]);
    await other.until("its events", ({ events }) => events.some(({ src_ip }) => src_ip === "127.0.3.4"));
    writeFileSync(gateway.policy, "");
    await eventually("the courier's end", async () => {
      const { code } = await run("pgrep", ["-P", String(gateway.pid), "-f", "gateway/courier/main.ts"]);
      return code === 1 ? true : undefined;
    });
  });
});

function closed(events: readonly Readonly<Record<string, unknown>>[]): number {
  const sessions = events.filter(({ eventid }) => eventid === "cowrie.session.closed");
  return new Set(sessions.map(({ session }) => session)).size;
}

async function courierOf(gateway: Gateway): Promise<number> {
  return eventually("a courier", async () => {
    const { stdout } = await run("pgrep", ["-P", String(gateway.pid), "-f", "gateway/courier/main.ts"]);
    const pid = Number(stdout.toString().trim().split("\n")[0]);
    return pid > 0 ? pid : undefined;
  });
}
