/**
 * Tries the network as each kind of user on the host: root, an ordinary one, a front of this slot and of another, the
 * archivist. Run by children.test.ts.
 */
import { raiseFence, reapFence } from "../../../gateway/firewall/fence.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import { ARCHIVIST_INDEX, childUid, FIRST_HELPER_INDEX } from "../../../gateway/model/slot.ts";
import { addSandbox, HOST, inside, labFile, layHost, ROUTED, run, SLOT, Talker, NETWORK } from "./network.ts";

export type ChildrenReport = Readonly<Record<string, Readonly<Record<string, boolean>>>>;

const SANDBOX = "10.213.0.2";

layHost();
// As on a host with several ways to the Internet, whose own rules give each packet its connection's mark.
run("iptables -t mangle -A OUTPUT -j CONNMARK --restore-mark");
const fence = await raiseFence({ slot: SLOT, subnet: parseSubnet("10.213.0.0/20"), network: NETWORK });
addSandbox("box", SANDBOX, fence.plan.gateway);
const listening = await Promise.all([
  Talker.start("box", [process.execPath, labFile("peer-address.ts"), "22", "2222"]),
  Talker.start("world", [process.execPath, labFile("peer-address.ts"), "80"]),
  Talker.start(undefined, [process.execPath, labFile("peer-address.ts"), "2375"]),
]);

const TARGETS: Readonly<Record<string, readonly [address: string, port: number]>> = {
  "sandbox's SSH": [SANDBOX, 22],
  "sandbox's other port": [SANDBOX, 2222],
  "host by loopback": ["127.0.0.1", 2375],
  "host by its address": [HOST, 2375],
  "host by the bridge's address": [fence.plan.gateway, 2375],
  Internet: [ROUTED, 80],
};
const USERS = {
  root: 0,
  "somebody else": 65534,
  front: childUid(SLOT, 0),
  "last front": childUid(SLOT, FIRST_HELPER_INDEX - 1),
  "front of another slot": childUid(SLOT + 1, 0),
  archivist: childUid(SLOT, ARCHIVIST_INDEX),
};

/** Each gives whether it was possible within so many seconds. */
const TRIES: Readonly<Record<string, (uid: number, within: number) => Promise<boolean>>> = {
  ...Object.fromEntries(
    Object.entries(TARGETS).map(([name, [address, port]]) => [
      name,
      (uid: number, within: number) => reads(uid, address, port, within),
    ]),
  ),
  "UDP to the Internet": sendsUdp,
  "answers a visitor": answers,
};

const report: Record<string, Record<string, boolean>> = {};
const again: (() => Promise<void>)[] = [];
for (const [user, uid] of Object.entries(USERS)) {
  const own: Record<string, boolean> = (report[user] = {});
  for (const [name, possible] of Object.entries(TRIES)) {
    own[name] = false;
    again.push(async () => {
      if (own[name] !== true) own[name] = await possible(uid, 10);
    });
  }
  await Promise.all(
    Object.entries(TRIES).map(async ([name, possible]) => {
      own[name] = await possible(uid, 1);
    }),
  );
}
// What is held back is silent for ever, and what is possible comes late on a busy machine: all that did not come is tried once more.
await Promise.all(again.map((once) => once()));
for (const each of listening) each.end();
await fence.sources[Symbol.asyncDispose]();
await reapFence(SLOT);
process.stdout.write(JSON.stringify(report satisfies ChildrenReport));

async function reads(uid: number, address: string, port: number, within: number): Promise<boolean> {
  return (
    (await as(uid, within, `exec 3<>/dev/tcp/${address}/${port} && read -r line <&3 && echo yes`)) === "yes"
  );
}

/** The kernel tells the sender at once when its own rules refuse it. */
async function sendsUdp(uid: number, within: number): Promise<boolean> {
  return (await as(uid, within, `exec 3<>/dev/udp/${ROUTED}/53 && echo hello >&3 && echo yes`)) === "yes";
}

/** Somebody from the Internet connects to a socket that this user listens on and gets the first line. */
async function answers(uid: number, within: number): Promise<boolean> {
  const port = 3000 + (uid % 1000);
  const listener = await Talker.start(undefined, [
    ...["setpriv", "--reuid", String(uid), "--regid", String(uid), "--clear-groups", "--"],
    ...[process.execPath, labFile("peer-address.ts"), String(port)],
  ]);
  const script = `exec 3<>/dev/tcp/${HOST}/${port} && read -r line <&3 && echo yes`;
  const said = await inside("world", [
    "sh",
    "-c",
    `timeout ${within} bash -c '${script}' 2>/dev/null || true`,
  ]);
  listener.end();
  return said.trim() === "yes";
}

async function as(uid: number, within: number, script: string): Promise<string> {
  const user = `setpriv --reuid ${uid} --regid ${uid} --clear-groups --`;
  return (
    await inside(undefined, ["sh", "-c", `timeout ${within} ${user} bash -c '${script}' 2>/dev/null || true`])
  ).trim();
}
