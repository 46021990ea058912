import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { childUid } from "../../gateway/model/slot.ts";
import { inLab } from "../firewall/lab/enter.ts";
import type { ConfinedReport } from "./lab/confined.ts";
import type { ProbeReport } from "./lab/probe.ts";

const SLOT = 13;

describe("an unprivileged process", () => {
  let report: ConfinedReport;
  before(async () => {
    report = (await inLab("../../warden/lab/confined.ts")) as ConfinedReport;
  });

  it("has its own uid and no rights at all", () => {
    for (const [who, index] of [
      ["front", 0],
      ["archivist", 63],
    ] as const) {
      const { status } = report[who];
      const id = String(childUid(SLOT, index));
      for (const field of ["Uid", "Gid"]) assert.deepEqual(status[field]?.split(/\s+/), [id, id, id, id]);
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        assert.equal(status[set], "0000000000000000");
      assert.equal(status["NoNewPrivs"], "1");
      assert.equal(status["Groups"]?.trim(), "");
    }
    assert.equal(report.front.status["Umask"], "0022");
    assert.equal(report.archivist.status["Umask"], "0027");
  });

  it("dumps no core, dies first, and may open many sockets", () => {
    assert.match(report.front.limits["Max core file size"] ?? "", /^0\b/);
    assert.equal(report.front.oom, "500");
    assert.ok(Number.parseInt(report.front.limits["Max open files"] ?? "") >= 4096);
  });

  it("has nothing of the warden's environment", () => {
    assert.deepEqual(
      report.front.environment.filter((name) => !name.startsWith("NODE_CHANNEL")),
      ["LANG", "OLDPWD", "PATH", "PROBE_PATHS", "PWD", "UV_USE_IO_URING"].filter((name) =>
        report.front.environment.includes(name),
      ),
    );
  });

  it("does its work: its folder, its notes, its sandboxes, a socket that was handed to it", () => {
    assert.deepEqual(done(report.front), [
      "write into its folder",
      "read what is read-only to it",
      "connect to a sandbox's SSH",
    ]);
    assert.equal(report.accepted, `uid ${childUid(SLOT, 0)}`);
  });

  it("is refused all else, by Node's permission model", () => {
    const { tries } = report.front;
    for (const name of [
      "write into the code",
      "write to /tmp",
      "read /etc/shadow",
      "start a program",
      "see the warden",
    ])
      assert.equal(tries[name], "ERR_ACCESS_DENIED", name);
    assert.equal(tries["connect to a service on loopback"], "ECONNREFUSED");
  });

  it("finds nothing of the machine when the permission model is overcome", () => {
    const { tries, root } = report.captured;
    assert.deepEqual(done(report.captured), [
      "write into its folder",
      "read what is read-only to it",
      "connect to a sandbox's SSH",
      "start a program",
    ]);
    for (const name of [
      "read another front's folder",
      "read /etc/shadow",
      "list /root",
      "list /home",
      "write to /tmp",
      "connect to the engine's socket",
      "connect to the engine's socket by its other name",
      "see the warden",
    ])
      assert.equal(tries[name], "ENOENT", name);
    for (const name of ["write what is read-only to it", "write into the code", "write beside it"])
      assert.equal(tries[name], "EROFS", name);
    assert.equal(tries["connect to a service on loopback"], "ECONNREFUSED");
    assert.equal(tries["signal the warden"], "EPERM");
    assert.equal(tries["become root"], "EPERM");
    for (const name of ["make a user namespace", "open a raw socket", "mount something"])
      assert.match(tries[name] ?? "", /not permitted|denied|must be superuser/, name);
    assert.match(root, /^(bin |lib\w* |sbin )*dev (lib\w* )*proc run (sbin )?usr$/);
  });

  it("has no network as the archivist, not even with the permission model overcome", () => {
    const { tries } = report.archivist;
    assert.equal(tries["connect to a sandbox's SSH"], "ENETUNREACH");
    assert.match(tries["connect to a service on loopback"] ?? "", /ENETUNREACH|EADDRNOTAVAIL/);
  });

  it("does not outlive a warden that is killed, even if it wants to", () => {
    assert.equal(report.outlived, false);
  });

  it("leaves no mount behind", () => {
    assert.equal(report.mountsLeft, "");
  });
});

function done({ tries }: ProbeReport): string[] {
  return Object.keys(tries).filter((name) => tries[name] === "done");
}
