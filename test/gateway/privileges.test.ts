/** What the process that talks to strangers could do if a stranger took it over: nothing. */
import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, run, ssh, startGateway, type Gateway } from "./harness.ts";

describe("a live front", () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await startGateway();
    assert.equal((await ssh(gateway, { user: "root", password: "x", from: "127.0.1.1" }, ["true"])).code, 0);
  });
  after(() => gateway[Symbol.asyncDispose]());

  it("has its own uid, no groups, no capability in any set, and no way to new ones", async () => {
    assert.ok(gateway.fronts.length > 0);
    const uids = new Set<string>();
    for (const pid of gateway.fronts) {
      const status = await readFile(`/proc/${pid}/status`, "utf8");
      const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1] ?? "missing";
      const [uid = ""] = field("Uid").split(/\s+/);
      uids.add(uid);
      assert.equal(
        new Set(field("Uid").split(/\s+/)).size,
        1,
        "real, effective, saved and file system uid are one",
      );
      assert.ok(Number(uid) >= 1_900_000_000);
      assert.equal(field("Groups").trim(), "");
      assert.equal(field("NoNewPrivs"), "1");
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        assert.equal(field(set), "0000000000000000", set);
    }
    assert.equal(uids.size, gateway.fronts.length, "no two fronts share a user");
  });

  it("sees no Docker socket, no home, no data but its own folder", async () => {
    for (const pid of gateway.fronts) {
      for (const gone of ["run/docker.sock", "var/run/docker.sock", "root", "home", "etc/shadow"])
        await assert.rejects(stat(`/proc/${pid}/root/${gone}`), { code: "ENOENT" }, gone);
      const seen = await readdir(`/proc/${pid}/root/run/mitsubako`);
      assert.deepEqual(seen.sort(), ["code", "live", "node"]);
    }
  });

  it("cannot open the Docker socket even with the host's file system before it", async () => {
    const uid = await uidOf(gateway.fronts[0] ?? 0);
    const reach = `require("net").connect("/var/run/docker.sock").on("error", (e) => { console.log(e.code); process.exit(3); }).on("connect", () => process.exit(0))`;
    const tried = await run("setpriv", [
      "--reuid",
      uid,
      "--regid",
      uid,
      "--clear-groups",
      "--",
      await systemNode(),
      "-e",
      reach,
    ]);
    assert.deepEqual([tried.code, tried.stdout.toString().trim()], [3, "EACCES"]);
  });

  it("cannot read recordings, neither its own finished ones nor others'", async () => {
    const uid = await uidOf(gateway.fronts[0] ?? 0);
    const as = (...command: string[]) =>
      run("setpriv", ["--reuid", uid, "--regid", uid, "--clear-groups", "--", ...command]);
    for (const folder of ["recordings", "live", "keys", "live/0", "live/taken", "sealing"])
      assert.notEqual((await as("ls", join(gateway.data, folder))).code, 0, folder);
    // The folder above is closed by the test itself, so the same is asked from inside.
    const data = await stat(join(gateway.data, "recordings"));
    assert.equal(data.mode & 0o007, 0);
  });

  it("dies, is started again, and takes only its own sessions along", async () => {
    const [victim = 0] = gateway.fronts;
    process.kill(victim, "SIGKILL");
    const back = await eventually("logins after a front's death", async () => {
      const tried = await ssh(gateway, { user: "root", password: "x", from: "127.0.1.1" }, ["echo back"]);
      return tried.code === 0 ? tried.stdout.toString() : undefined;
    });
    assert.equal(back, "back\n");
    await eventually("a new front", async () => {
      const { stdout } = await run("pgrep", ["-P", String(gateway.pid), "-f", "gateway/front/main.ts"]);
      return stdout.toString().trim().split("\n").length === gateway.fronts.length ? true : undefined;
    });
  });
});

async function uidOf(pid: number): Promise<string> {
  return /^Uid:\s*(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
}

/** One that other users may run: the project's own may lie in a folder that is closed to them. */
async function systemNode(): Promise<string> {
  const { stdout } = await run("sh", ["-c", "PATH=/usr/local/bin:/usr/bin command -v node"]);
  const path = stdout.toString().trim();
  return path === "" ? process.execPath : path;
}
