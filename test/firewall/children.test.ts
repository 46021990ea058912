import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import type { ChildrenReport } from "./lab/children.ts";
import { inLab } from "./lab/enter.ts";

// Each has a machine of its own, and waits for most of the time.
describe("who on the host may open connections", { concurrency: 2 }, () => {
  for (const engine of ["nft", "iptables"])
    describe(`by ${engine}`, { concurrency: 1 }, () => {
      let report: ChildrenReport;
      before(async () => {
        report = (await inLab("children.ts", { network: { engine } })) as ChildrenReport;
      });
      const may = (user: string) =>
        Object.keys(report[user] ?? {}).filter((what) => report[user]?.[what] === true);
      const HOST_AND_INTERNET = [
        "host by loopback",
        "host by its address",
        "host by the bridge's address",
        "Internet",
        "UDP to the Internet",
      ];

      it("root reaches the sandboxes' SSH and nothing else of theirs", () => {
        assert.deepEqual(
          may("root").toSorted(),
          ["sandbox's SSH", ...HOST_AND_INTERNET, "answers a visitor"].toSorted(),
        );
      });

      it("another user reaches nothing of the sandboxes'", () => {
        assert.deepEqual(
          may("somebody else").toSorted(),
          [...HOST_AND_INTERNET, "answers a visitor"].toSorted(),
        );
      });

      for (const front of ["front", "last front"])
        it(`a ${front} reaches the sandboxes' SSH, and can answer those who came to it`, () => {
          assert.deepEqual(may(front), ["sandbox's SSH", "answers a visitor"]);
        });

      it("another slot's front reaches nothing of this one's sandboxes", () => {
        assert.ok(!may("front of another slot").some((what) => what.startsWith("sandbox")));
      });

      it("the archivist reaches nothing", () => {
        assert.deepEqual(may("archivist"), []);
      });
    });
});
