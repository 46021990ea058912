import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { BareMachine } from "./bare-machine.ts";

/** What the gateway's code and the engine call. */
const PROGRAMS = [
  ...["dockerd", "containerd", "runc", "nft", "iptables", "iptables-restore", "conntrack", "ip", "tc"],
  ...["unshare", "setpriv", "nsenter", "mount", "umount", "losetup", "mkfs.ext4", "sysctl", "chroot"],
  ...["mmdebstrap", "tcc", "ssh-keygen", "tar", "xz", "useradd", "usermod"],
];

const PACKAGES_ONLY = `
set -eu
say() { echo "set-up: $*"; }
fail() { echo "mitsubako: $*"; exit 2; }
here=gateway/setup; root=$PWD
for part in machine packages engine; do . gateway/setup/$part.sh; done
bring_packages $GATEWAY_PACKAGES $(engine_packages)`;

const INFO = `node_modules/.bin/node -e '
  require("http").get({ socketPath: "/run/docker.sock", path: "/info" }, (answer) => answer.pipe(process.stdout))'`;

describe("set-up on a machine with nothing but Debian's essential packages", () => {
  let machine: BareMachine;
  before(async () => {
    machine = await BareMachine.make();
  });
  after(() => machine[Symbol.asyncDispose]());

  it("says in one sentence that the archive cannot be reached", async () => {
    const { code, output } = await machine.run("sh gateway/setup/run.sh prepare", "none");
    assert.equal(code, 2, output);
    assert.match(
      output.trim().split("\n").at(-1) ?? "",
      /^mitsubako: The distribution's archive cannot be reached \(.+\)\. Check the network .+\.$/,
    );
  });

  it("says in one sentence that the disk is full", async () => {
    const { code, output } = await machine.run("sh gateway/setup/run.sh prepare", "none", "/var");
    assert.equal(code, 2, output);
    assert.equal(
      output.trim(),
      "mitsubako: The file system at /var has less than 1500 MB left for packages. Make room and run this again.",
    );
  });

  it("brings every program that is called", async () => {
    const installed = await machine.run(PACKAGES_ONLY, "shared");
    assert.equal(installed.code, 0, installed.output);
    const lacking = `for p in ${PROGRAMS.join(" ")}; do PATH=$PATH:/usr/sbin:/sbin command -v $p >/dev/null || echo $p; done`;
    assert.deepEqual(await machine.run(lacking, "none"), { code: 0, output: "" });
  });

  it("starts an engine with user namespaces, and a second time does nothing in next to no time", async (context) => {
    const again = "date +%s%N; sh gateway/setup/run.sh prepare; date +%s%N;";
    const twice = `set -e; sh gateway/setup/run.sh prepare; ${INFO}; echo; echo second:; ${again.repeat(3)}`;
    const { code, output } = await machine.run(twice, "none");
    assert.equal(code, 0, output);
    const [first = "", second = ""] = output.split("second:\n");
    assert.match(first, /"SecurityOptions":\[[^\]]*"name=userns"/);
    const times = second.trim().split("\n").map(Number);
    const took = Math.min(...[0, 2, 4].map((at) => ((times[at + 1] ?? NaN) - (times[at] ?? NaN)) / 1e6));
    context.diagnostic(`second run: ${took.toFixed(0)} ms`);
    assert.ok(took < 2000, `took ${took} ms`);
  });

  it("says why an engine does not start", async () => {
    const { code, output } = await machine.run(
      "echo '{' >/etc/docker/daemon.json; sh gateway/setup/run.sh prepare",
      "none",
    );
    assert.equal(code, 2, output);
    assert.match(
      output.trim().split("\n").at(-1) ?? "",
      /^mitsubako: Docker Engine does not start \(.*daemon\.json.*\)\. See \/var\/log\/dockerd\.log, then run this again\.$/,
    );
  });
});
