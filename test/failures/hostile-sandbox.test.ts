import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { DENY, policyOf } from "./kinds.ts";
import { LabGateway } from "./lab-gateway.ts";
import { LAB, LabMachine } from "./lab-machine.ts";
import { differences, labState, type LabState } from "./lab-state.ts";
import type { Seen } from "./witness.ts";

interface Try {
  readonly group: string;
  readonly name: string;
  /** The kernel's error, or what was had in words. */
  readonly result: string;
}

/** Errors with which a kernel, an engine or a fence says no; which of them depends on the kernel and its version. */
const REFUSED = new Set([
  ...["EPERM", "EACCES", "EROFS", "ENOSYS", "ENOENT", "ESRCH", "ENODEV"],
  ...["EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EPFNOSUPPORT"],
  // The machine has no such calls, or the filter no such architecture.
  ...["killed by SIGSEGV", "killed by SIGSYS"],
  ...["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "no answer"],
]);
/** What is no error and still nothing. */
const NOTHING = new Set([
  ...["none there", "none seen", "none reached", "none is made", "empty", "all zero", "nobody", "filtered"],
  ...["back in its own root", "its own alone", "SERVFAIL", "REFUSED"],
]);
/** What may be had, and why it does no harm. */
const GRANTED: Readonly<Record<string, RegExp>> = {
  // What a believable root needs; see `capabilities` in the policy reference.
  "capabilities over its namespace":
    /^CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID NET_BIND_SERVICE SYS_CHROOT AUDIT_WRITE SETFCAP$/,
  // It is a process of the sandbox, with the same rights and in the same namespaces.
  "trace its own init": /^done$/,
};

const DOCUMENT = join(import.meta.dirname, "../../docs/containment.md");

for (const engine of ["nft", "iptables"])
  describe(`root in a sandbox that tries everything, held by ${engine}`, () => {
    let lab: LabMachine;
    let state: { before: LabState; after: LabState };
    let tries: Try[] = [];
    let world: Seen;
    let host: Seen;

    before(async () => {
      lab = await LabMachine.start();
      const before = await labState(lab);
      const gateway = await LabGateway.start(lab, {
        policy: policyOf({ ...DENY, network: `{ engine: ${engine}, egress: deny }` }),
        data: join(lab.folder, "data"),
        listen: "0.0.0.0:0",
      });
      const asks =
        "import socket; s = socket.socket(2, 2); s.connect(('192.0.2.1', 9)); print(s.getsockname()[0])";
      const neighbour = (await gateway.ssh("127.0.1.2", `python3 -c "${asks}"`)).stdout.toString().trim();
      assert.match(neighbour, /^10\.\d+\.\d+\.\d+$/, gateway.log);
      const settings = JSON.stringify({
        gateway: neighbour.replace(/\d+$/, "1"),
        host: "192.0.2.2",
        world: "203.0.113.80",
        neighbour,
        port: gateway.port,
      });
      await Promise.all([lab.world.seen(), lab.host.seen()]);
      const program = await readFile(join(LAB, "hostile.py"));
      await gateway.ssh("127.0.1.1", "cat >/var/tmp/hostile.py", program);
      const ran = await gateway.ssh("127.0.1.1", `python3 /var/tmp/hostile.py '${settings}'`, "", 120_000);
      assert.equal(ran.code, 0, ran.stderr.toString());
      const lines = ran.stdout.toString().trim().split("\n");
      tries = lines.map((line) => JSON.parse(line) as Try);
      [world, host] = await Promise.all([lab.world.seen(), lab.host.seen()]);
      assert.equal(await gateway.stop(), 0, gateway.log);
      state = { before, after: await labState(lab) };
    });
    after(() => lab[Symbol.asyncDispose]());

    it("is refused each of it, or gets nothing by it", () => {
      assert.ok(tries.length > 140, `${tries.length} tries`);
      assert.deepEqual(
        tries.filter(({ name, result }) => verdict(name, result) === "HAD"),
        [],
      );
    });

    it("gets no packet out into the world", () => {
      assert.deepEqual(world, { frames: [], callers: [], lost: 0 });
    });

    it("reaches no service of the machine", () => {
      assert.deepEqual(host.callers, []);
    });

    it("leaves the machine as it was", () => {
      assert.deepEqual(differences(state.before, state.after), []);
    });

    it("has its table in docs/containment.md", () => {
      const written = readFileSync(DOCUMENT, "utf8");
      if (process.env["MITSUBAKO_WRITE_DOCS"] === "1" && engine === "nft") {
        const wanted = written.replace(
          /(<!-- hostile -->\n)[^]*(<!-- \/hostile -->)/,
          (_, open: string, close: string) => `${open}${table(tries)}${close}`,
        );
        writeFileSync(DOCUMENT, wanted);
        return;
      }
      // By which error a kernel says no differs from kernel to kernel; whether it does may not.
      const [, section = ""] = /<!-- hostile -->\n([^]*)<!-- \/hostile -->/.exec(written) ?? [];
      const rows = section.split("\n").flatMap((line) => {
        const [, name, result] = /^\| [^|]+ \| ([^|]+?) +\| ([^|]+?) +\|$/.exec(line) ?? [];
        return name === undefined || result === undefined || result === "result" || /^-+$/.test(result)
          ? []
          : [[name, verdict(name, result)]];
      });
      assert.deepEqual(
        rows,
        tries.map(({ name, result }) => [name, verdict(name, result)]),
        "run this test with MITSUBAKO_WRITE_DOCS=1 and look at what changed",
      );
    });
  });

function verdict(name: string, result: string): "refused" | "nothing" | "granted" | "HAD" {
  if (REFUSED.has(result)) return "refused";
  if (NOTHING.has(result)) return "nothing";
  return GRANTED[name]?.test(result) === true ? "granted" : "HAD";
}

/** As Prettier would have it. */
function table(tries: readonly Try[]): string {
  const head = ["where", "try", "result"];
  const rows = tries.map(({ group, name, result }, index) => [
    tries[index - 1]?.group === group ? "" : group,
    name.replaceAll("|", "\\|"),
    result,
  ]);
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((cells) => (cells[column] ?? "").length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return ["", line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line), "", ""].join(
    "\n",
  );
}
