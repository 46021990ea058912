import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Engine } from "../../gateway/sandbox/docker.ts";
import { buildImage } from "../../gateway/sandbox/image/build.ts";
import { findPersona } from "../../gateway/sandbox/image/find.ts";
import { inquire } from "../../gateway/ssh/inquiry/inquire.ts";

const engine = new Engine();
const again = { persona: "debian-12", inquire, again: true } as const;

/** Nothing of an ended build is left: no folder, no mount below it; and this machine's own apt was not touched. */
async function assertNothingLeft(workFolder: string, aptLists: readonly string[]): Promise<void> {
  assert.deepEqual(await readdir(workFolder), []);
  assert.ok(!(await readFile("/proc/self/mounts", "utf8")).includes(`${workFolder}/mitsubako`));
  assert.deepEqual(await readdir("/var/lib/apt/lists"), aptLists);
}

describe("an image that cannot be built", () => {
  let home: string;
  let aptLists: string[];
  before(async () => {
    home = await mkdtemp(join(tmpdir(), "mitsubako-build-"));
    aptLists = await readdir("/var/lib/apt/lists");
  });
  after(() => rm(home, { recursive: true, force: true }));

  it("is said in one sentence with its remedy when the archive does not answer", async () => {
    const former = process.env["MITSUBAKO_DEBIAN_MIRROR"];
    process.env["MITSUBAKO_DEBIAN_MIRROR"] = "http://127.0.0.1:9/debian";
    try {
      await assert.rejects(buildImage(engine, { ...again, workFolder: home }), {
        code: "archive-unreachable",
        message: "Http://127.0.0.1:9/debian does not answer for bookworm.",
        remedy: /MITSUBAKO_DEBIAN_MIRROR/,
      });
    } finally {
      if (former === undefined) delete process.env["MITSUBAKO_DEBIAN_MIRROR"];
      else process.env["MITSUBAKO_DEBIAN_MIRROR"] = former;
    }
    await assertNothingLeft(home, aptLists);
  });

  it("is said so when the disk is full", async () => {
    const small = join(home, "small");
    await mkdir(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", small]);
    try {
      await assert.rejects(buildImage(engine, { ...again, workFolder: small }), { code: "disk-full" });
      await assertNothingLeft(small, aptLists);
    } finally {
      execFileSync("umount", [small]);
      await rm(small, { recursive: true });
    }
  });

  it("leaves nothing behind when given up in the middle", async () => {
    const abort = new AbortController();
    const reason = new Error("given up");
    const built = buildImage(engine, {
      ...again,
      workFolder: home,
      signal: abort.signal,
      progress: ({ text }) => {
        // By then /proc and /sys are mounted inside.
        if (text === "installing the base system")
          setTimeout(() => {
            abort.abort(reason);
          }, 1500);
      },
    });
    await assert.rejects(built, (error) => error === reason);
    await assertNothingLeft(home, aptLists);
  });

  it("is not tried for a name that no persona can have", async () => {
    for (const persona of ["", "../debian-12", "Debian", "-x", "a".repeat(65)])
      await assert.rejects(buildImage(engine, { persona, inquire }), { code: "bad-usage" });
  });

  it("is told from one that was never built", async () => {
    await assert.rejects(findPersona(engine, { name: "no-such", hostname: "srv01" }), {
      code: "image-missing",
      remedy: /image build no-such/,
    });
    await assert.rejects(buildImage(engine, { persona: "no-such", inquire }), { code: "bad-usage" });
  });
});
