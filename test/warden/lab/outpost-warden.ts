/** A warden with an outpost and nothing else, that tells the outpost's pid and waits to be killed. */
import { createInterface } from "node:readline";
import { pino } from "pino";
import { spawnConfined } from "../../../gateway/warden/confine.ts";
import { spawnNetworkLog } from "../../../gateway/warden/network-log.ts";
import { Outpost } from "../../../gateway/warden/outpost.ts";
import { SLOT } from "../../firewall/lab/network.ts";

const outpost = new Outpost({
  configuration: {
    address: undefined,
    subnet: "10.213.0.0/20",
    names: [],
    resolvers: [],
    largestName: 100,
    largestAnswer: 512,
    tls: { key: "", certificate: "" },
  },
  log: pino(pino.destination(2)),
  spawn: () =>
    spawnConfined({
      role: "outpost",
      slot: SLOT,
      entry: "gateway/outpost/main.ts",
      codeRoot: process.cwd(),
      folders: [],
    }),
  spawnLog: () => spawnNetworkLog(SLOT),
  started: () => Promise.resolve(),
});
await outpost.start();
console.log("ready");
for await (const line of createInterface({ input: process.stdin }))
  console.log(line === "outpost?" ? outpost.pid : "?");
