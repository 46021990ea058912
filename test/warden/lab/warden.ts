/** A warden that starts one child which never ends by itself, tells its pid, and waits to be killed. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { spawnConfined } from "../../../gateway/warden/confine.ts";
import { SLOT } from "../../firewall/lab/network.ts";

const child = await spawnConfined({
  role: "front",
  slot: SLOT,
  index: 2,
  entry: "test/warden/lab/stubborn.ts",
  codeRoot: process.argv[2] ?? "",
  folders: [],
});
await once(child, "message");
console.log("ready");
for await (const line of createInterface({ input: process.stdin }))
  console.log(line === "child?" ? child.pid : "?");
