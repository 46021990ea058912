import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import type { ContainmentReport, Seen } from "./lab/containment.ts";
import { inLab } from "./lab/enter.ts";

/** Segments that belong to no connection: the classifier keeps no state, so the host's TCP refuses them itself. */
const WITHOUT_NETFILTER = [
  "SYN and ACK from port 22 to the host",
  "ACK from port 22 to the host, without a connection",
];

/** What the isolation of the ports alone holds back, when bridged frames are no longer shown to netfilter. */
const WITHOUT_ISOLATION = [
  "ARP for another address of the host",
  "a frame of an unknown protocol",
  "a frame of an unknown protocol, to all",
  "a spanning tree's frame",
  "IPv6 echo to all nodes",
  "IPv6 router advertisement",
  "IPv6 UDP to the neighbour",
  "IPv6 multicast on the link",
];

/** iptables has no rules for frames that pass the bridge. What a sandbox's own port takes (port-filter.ts) is not part of this lab. */
const WITHOUT_BRIDGE_RULES = [
  "TCP to the neighbour",
  "TCP to the neighbour as the host",
  "UDP to the neighbour as an outsider",
  "UDP broadcast",
  "UDP broadcast of the subnet",
  "UDP multicast on the link",
  "ARP for the neighbour",
  "ARP that claims to be the host",
  "ARP that claims to be the host, to all",
  "a VLAN's frame to the neighbour",
];

const DOCUMENT = join(import.meta.dirname, "../../docs/containment.md");

/** What takes the rules away, and what the look says of it. */
const LOST = {
  nft: {
    "our nftables tables deleted": [
      "the table inet mitsubako13 is gone",
      "the table bridge mitsubako13 is gone",
    ],
    "nft flush ruleset": ["the table inet mitsubako13 is gone", "the table bridge mitsubako13 is gone"],
  },
  iptables: {
    "iptables -F and -X in every table": [
      "the chains of mitsubako13 in ip6tables' mangle are gone",
      "the chains of mitsubako13 in ip6tables' filter are gone",
      "the chains of mitsubako13 in iptables' nat are gone",
      "the chains of mitsubako13 in iptables' mangle are gone",
      "the chains of mitsubako13 in iptables' filter are gone",
    ],
  },
} as const;

// Each has a machine of its own, and waits for most of the time.
describe("a sandbox, whatever it sends", { concurrency: 2 }, () => {
  for (const engine of ["nft", "iptables"] as const)
    describe(`held by ${engine}`, { concurrency: 1 }, () => {
      let report: ContainmentReport;
      const state = (part: string): Seen => {
        const found = report.seen.find(({ state }) => state.includes(part));
        assert.ok(found, `no state ${part}`);
        return found;
      };
      before(async () => {
        report = (await inLab("containment.ts", { network: { engine } })) as ContainmentReport;
      });

      it("reaches nothing while the fence is whole, with the process that raised it killed", () => {
        const { world, neighbour, host, answered, inward, faults } = state("whole");
        assert.deepEqual({ world, neighbour, host, answered, inward, faults }, NOTHING);
      });

      for (const [part, said] of Object.entries(LOST[engine])) {
        it(`reaches no service, no neighbour and no Internet after: ${part}`, () => {
          const { world, neighbour, host, inward, faults } = state(part);
          assert.deepEqual({ world, neighbour, inward }, { world: [], neighbour: [], inward: [] });
          assert.deepEqual(host.toSorted(), WITHOUT_NETFILTER.toSorted());
          assert.deepEqual(faults, said);
        });
      }

      if (engine === "iptables")
        it("reaches nothing after iptables -F, which leaves alone what decides; and the look notices", () => {
          const { world, neighbour, host, answered, inward, faults } = state("filter alone");
          assert.deepEqual({ world, neighbour, host, answered, inward, faults: [] }, NOTHING);
          assert.ok(
            faults.length > 0 &&
              faults.every(
                (fault) =>
                  fault.endsWith(" filter are not what they should be") ||
                  /what leads from .* filter is gone/.test(fault),
              ),
            faults.join(),
          );
        });

      for (const part of ["classifier deleted", "policy routing deleted"]) {
        it(`reaches nothing after: ${part}; and the look notices`, () => {
          const { world, neighbour, host, answered, inward, faults } = state(part);
          assert.deepEqual({ world, neighbour, host, answered, inward, faults: [] }, NOTHING);
          assert.notDeepEqual(faults, []);
        });
      }

      it("reaches a neighbour, at most with frames that nothing else holds, after its port and the bridge are opened by hand", () => {
        const passing = [...WITHOUT_ISOLATION, ...(engine === "iptables" ? WITHOUT_BRIDGE_RULES : [])];
        const { world, neighbour, host, faults } = state("settings undone");
        assert.deepEqual({ world, host }, { world: [], host: [] });
        assert.deepEqual(
          neighbour.filter((name) => !passing.includes(name)),
          [],
        );
        assert.ok(faults.includes("the port port-one of mbk13 is not isolated"));
      });

      it("would reach all of them without a fence, so the tries are real", () => {
        const { world, neighbour, host, inward } = state("no fence");
        assert.ok(world.length >= 15, `Internet: ${world.join(", ")}`);
        assert.ok(neighbour.length >= 15, `neighbour: ${neighbour.join(", ")}`);
        assert.ok(host.length >= 15, `host: ${host.join(", ")}`);
        assert.equal(inward.length, 4);
      });

      it("still answers the gateway's SSH in every state", () => {
        assert.deepEqual(
          report.seen.filter(({ ssh }) => !ssh).map(({ state }) => state),
          [],
        );
      });

      it("leaves nothing in the kernel when the fence is lowered", () => {
        assert.equal(report.left.after, report.left.before);
      });

      it("stands in docs/containment.md as it was tried", () => {
        const written = readFileSync(DOCUMENT, "utf8");
        const wanted = written.replace(
          new RegExp(`(<!-- tries ${engine} -->\n)[^]*(<!-- /tries ${engine} -->)`),
          (_, open: string, close: string) => `${open}${table(report, engine === "iptables")}${close}`,
        );
        assert.ok(written.includes(`<!-- tries ${engine} -->`));
        if (process.env["MITSUBAKO_WRITE_DOCS"] === "1") writeFileSync(DOCUMENT, wanted);
        else
          assert.equal(written, wanted, "run this test with MITSUBAKO_WRITE_DOCS=1 and look at what changed");
      });
    });
});

const NOTHING = { world: [], neighbour: [], host: [], answered: [], inward: [], faults: [] };

/** `short`: without the tries that arrive nowhere in any state. */
function table({ tries, seen }: ContainmentReport, short: boolean): string {
  const states = seen.filter(({ state }) => !state.includes("no fence"));
  const cell = (name: string, { world, neighbour, host }: Seen) =>
    [
      world.includes(name) ? "**Internet**" : [],
      neighbour.includes(name) ? "**neighbour**" : [],
      host.includes(name) ? "host's TCP" : [],
    ]
      .flat()
      .join(", ") || "·";
  const rows = tries
    .map((name) => [name, ...states.map((state) => cell(name, state))])
    .filter(([, ...cells]) => !short || cells.some((text) => text !== "·"));
  const head = ["try", ...states.map((_, index) => String.fromCharCode(65 + index))];
  // As Prettier would have it.
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((cells) => (cells[column] ?? "").length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [
    "",
    ...states.map(({ state }, index) => `- ${String.fromCharCode(65 + index)}: ${state}`),
    "",
    line(head),
    line(widths.map((width) => "-".repeat(width))),
    ...rows.map(line),
    "",
    "",
  ].join("\n");
}
