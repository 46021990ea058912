/** Sandboxes of one machine whose profiles let out different things, by each engine. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { inLab } from "./lab/enter.ts";
import type { Name, ProfilesReport } from "./lab/profiles.ts";

const HOST = "192.0.2.2";
const NOTHING = ["silence", "silence", "silence", "silence", "silence"];
/** Of ports 80 and 443 of the world, a question by UDP and one by TCP, and an address on the machine's own network. */
const HTTP = ["connected", "silence", "answered", "connected", "silence"];

// Each has a machine of its own, and waits for most of the time.
describe("sandboxes with profiles of their own, side by side", { concurrency: 2 }, () => {
  for (const engine of ["nft", "iptables"])
    describe(`by ${engine}`, { concurrency: 1 }, () => {
      let report: ProfilesReport;
      before(async () => {
        report = (await inLab("profiles.ts", { network: { engine } })) as ProfilesReport;
      });
      const outcomes = (
        stage: "asRaised" | "changed" | "mended" | "afterRestart",
        name: Name,
      ): readonly string[] => report[stage][name].map(({ outcome }) => outcome);
      const connected = (stage: "asRaised" | "changed" | "mended", name: Name) =>
        outcomes(stage, name).filter((outcome) => outcome === "connected").length;

      it("each reaches exactly what its profile says", () => {
        assert.deepEqual(outcomes("asRaised", "web"), HTTP);
        assert.deepEqual(outcomes("asRaised", "shut"), NOTHING);
        assert.equal(connected("asRaised", "open"), 4, "four an hour");
        assert.deepEqual(outcomes("asRaised", "sink"), [
          "connected",
          "connected",
          "answered",
          "connected",
          "silence",
        ]);
        assert.deepEqual(outcomes("asRaised", "plain"), [
          "silence",
          "silence",
          "answered",
          "connected",
          "silence",
        ]);
        assert.deepEqual(outcomes("asRaised", "stray"), NOTHING, "nobody told the fence of its profile");
      });

      it("what is sinkholed never leaves, nor do its names, though others' do", () => {
        const { world, outpost } = report.arrivals;
        assert.ok(world.every(({ from }) => from === HOST));
        assert.deepEqual(new Set(world.map(({ port }) => port)), new Set([80]));
        const at = (port: number) =>
          outpost
            .filter((came) => came.port === port)
            .map(({ from }) => from)
            .sort();
        assert.deepEqual(at(4000), ["10.213.0.13", "10.213.0.13"]);
        assert.deepEqual(at(4053), ["10.213.0.13"], "made up");
        assert.deepEqual(at(53), ["10.213.0.10", "10.213.0.14"], "looked up");
      });

      it("each has its own byte caps", () => {
        const { web, shut, open } = report.caps;
        assert.deepEqual(web, { down: 5 * 2 ** 20, isSpent: true });
        assert.deepEqual(open, { down: 2 ** 30, isSpent: false });
        assert.deepEqual(shut, { down: 20 * 2 ** 20, isSpent: false });
      });

      it("a change holds at once for those that live", () => {
        assert.deepEqual(outcomes("changed", "web"), NOTHING);
        assert.deepEqual(outcomes("changed", "shut"), HTTP);
        assert.equal(connected("changed", "open"), 6, "six an hour");
      });

      it("rules of one profile that the kernel refuses let nobody out, until there are others", () => {
        const { code, went } = report.refused;
        assert.equal(code, "firewall-failed");
        for (const [name, tries] of Object.entries(went))
          assert.deepEqual(
            tries.filter(({ outcome }) => outcome === "connected" || outcome === "answered"),
            [],
            name,
          );
        assert.deepEqual(outcomes("mended", "shut"), [
          "silence",
          "connected",
          "answered",
          "connected",
          "silence",
        ]);
        assert.equal(connected("mended", "open"), 0, "no profile lets it out any more");
      });

      it("a change of which no rules can be made leaves nothing routed", () => {
        assert.deepEqual(report.routed, { before: 3, after: 0 });
      });

      it("with such rules no fence is raised", () => {
        assert.deepEqual(report.refusedAtStart, { code: "firewall-failed", bridges: "" });
      });

      it("what a gateway that died has left is shut when another one puts it right", () => {
        assert.ok(report.foreign >= 6, `${report.foreign}`);
        for (const [name, tries] of Object.entries(report.afterRestart))
          assert.deepEqual(
            tries.filter(({ outcome }) => outcome === "connected" || outcome === "answered"),
            [],
            name,
          );
      });

      it("the kernel's state is as it should be after each, and nothing is left in the end", () => {
        const { faults, left } = report;
        assert.deepEqual(
          faults,
          Object.fromEntries(["as raised", "changed", "mended", "after a restart"].map((when) => [when, []])),
        );
        assert.equal(left, "0\n0");
      });
    });
});
