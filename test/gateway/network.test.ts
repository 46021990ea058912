/** What a sandbox tries on its network, through the whole gateway: while somebody is in it, and after they left. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { eventually, finishedSessions, mitsubako, ssh, startGateway } from "./harness.ts";

/** Tries only the bridge's own address, so that a fence that leaks would reach nobody but this machine. */
const VISIT = `
route=$(awk '$2 == "00000000" { print $3 }' /proc/net/route)
set -- $(echo $route | sed 's/../0x& /g')
bridge=$(printf '%d.%d.%d.%d' $4 $3 $2 $1)
timeout 1 bash -c "echo > /dev/tcp/$bridge/25"
(setsid sh -c "sleep 4; timeout 1 bash -c 'echo > /dev/tcp/$bridge/6667'" > /dev/null 2>&1 &)
echo $bridge
`;

test("what is tried on the network is told of who tried it, also when they have left", async () => {
  await using gateway = await startGateway({ policy: "sandbox:\n  idle: 15s\n" });
  const who = { user: "root", password: "x", from: "127.0.5.9" };
  const { code, stdout, stderr } = await ssh(gateway, who, [VISIT]);
  assert.equal(code, 0, stderr.toString());
  const bridge = stdout.toString().trim();
  const [folder = ""] = await eventually("a finished session", async () => {
    const found = await finishedSessions(gateway);
    return found.length > 0 ? found : undefined;
  });
  const session = folder.split("/").at(-1) ?? "";
  const show = async () => (await mitsubako(gateway, "show", session)).stdout.toString();
  const unattended = await eventually(
    "a try after they left",
    async () => {
      const told = await show();
      return /after they left[^]*:6667 /.test(told) ? told : undefined;
    },
    60_000,
  );
  assert.ok(unattended.includes(`denied: tcp ${bridge}:25 (host)`), unattended);
  assert.ok(unattended.includes(`denied: tcp ${bridge}:6667 (host)`), unattended);
  const late = await eventually(
    "late events, when the sandbox is gone",
    async () => {
      const events = await eventsOf(gateway.data);
      return events.some((event) => event["late"] === true && event["dst_port"] === 6667)
        ? events
        : undefined;
    },
    60_000,
  );
  const network = late.filter(({ eventid }) => eventid.startsWith("cowrie.network."));
  const [first] = network;
  assert.deepEqual(
    [first?.eventid, first?.session, first?.["dst_ip"], first?.["dst_port"], first?.["mitsubako_rule"]],
    ["cowrie.network.denied", session, bridge, 25, "host"],
  );
  assert.equal(first?.["late"], undefined, "it was tried while they were in");
  assert.deepEqual(
    late.map((event) => event.mitsubako_sequence),
    Array.from(late, (_, index) => index),
  );
  assert.match(await show(), /after they left/, "and the story tells it as before");
});

async function eventsOf(data: string): Promise<CowrieEvent[]> {
  const text = await readFile(join(data, "events", "mitsubako.json"), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as CowrieEvent);
}
