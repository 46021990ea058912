/** The held nft under bad luck. Run by nft-session.test.ts. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { NftSession } from "../../../gateway/firewall/nft-session.ts";
import { run } from "./network.ts";

export interface SessionReport {
  readonly together: number;
  readonly duplicate: readonly string[];
  readonly goodBesideBad: string;
  readonly afterKill: string;
  readonly afterGarbage: string;
  readonly elements: number;
  readonly leftRunning: number;
}

execFileSync("nft", ["-f", "-"], {
  input:
    "table inet lab {\n map m {\n type inet_service : ipv4_addr . inet_service\n flags timeout\n timeout 60s\n }\n}\n",
});
const session = new NftSession("inet lab m");
const outcome = (element: string) =>
  session.add(element).then(
    () => "added",
    (error: unknown) => (error as { code: string }).code,
  );
const held = () =>
  readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8") === "nft\0-i\0";
      } catch {
        return false;
      }
    })
    .map(Number);

const many = await Promise.all(
  Array.from({ length: 500 }, (_, index) => outcome(`${1000 + index} : 198.51.100.1 . ${index + 1}`)),
);
const duplicate = [await outcome("1000 : 198.51.100.1 . 1"), await outcome("1000 : 198.51.100.2 . 7")];
const [, good] = await Promise.all([outcome("1001 : 203.0.113.1 . 9"), outcome("4000 : 198.51.100.1 . 1")]);
for (const pid of held()) process.kill(pid, "SIGKILL");
const afterKill = await outcome("4001 : 198.51.100.1 . 2");
const afterGarbage = `${await outcome("this is no element")}, ${await outcome("4002 : 198.51.100.1 . 3")}`;
const { nftables } = JSON.parse(run("nft -j list map inet lab m")) as {
  nftables: { map?: { elem: unknown[] } }[];
};
await session[Symbol.asyncDispose]();
process.stdout.write(
  JSON.stringify({
    together: many.filter((result) => result === "added").length,
    duplicate,
    goodBesideBad: good,
    afterKill,
    afterGarbage,
    elements: nftables.flatMap(({ map }) => map?.elem ?? []).length,
    leftRunning: held().length,
  } satisfies SessionReport),
);
