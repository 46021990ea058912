/** Files of learned personas: which names they may have, and what is built for them. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { imageBuildCommand } from "../../gateway/commands/image.ts";
import { buildImage } from "../../gateway/sandbox/image/build.ts";
import { checkedPersonaName } from "../../gateway/sandbox/image/names.ts";
import { personaPath, readPersonaFile, writePersonaFile } from "../../gateway/sandbox/image/persona-file.ts";
import { parsePolicy } from "../../gateway/policy/load.ts";
import { startFakeEngine } from "./fake-engine.ts";
import { DEBIAN_12 } from "./learned.ts";

const FILE = {
  format: 1,
  image: "debian-12",
  from: "192.0.2.7:22",
  learnedAt: "2026-11-29T00:00:00.000Z",
  learned: DEBIAN_12,
} as const;

function policyTakes(name: string): boolean {
  return (
    "loaded" in parsePolicy(Buffer.from(`persona: { name: "${name}" }\nauth: { root: refuse }\n`), "x.yaml")
  );
}

it("has the same names for a policy and for an image, and none whose keys would be another thing's", () => {
  for (const name of ["debian-12", "shop", "outpost-2", "a".repeat(63)]) {
    assert.equal(checkedPersonaName(name), name);
    assert.ok(policyTakes(name), name);
  }
  for (const name of ["outpost", "a.b", "a_b", "a--b", "a-", "-a", "", "A", "../a", "a".repeat(64)]) {
    assert.throws(() => checkedPersonaName(name), { code: "bad-usage" }, name);
    assert.ok(!policyTakes(name), name);
  }
});

describe("a learned persona's file", () => {
  let data: string;
  let personas: string;
  before(async () => {
    data = await mkdtemp(join(tmpdir(), "mitsubako-personas-"));
    personas = join(data, "personas");
    await writePersonaFile(personas, "shop", FILE);
  });
  after(() => rm(data, { recursive: true, force: true }));

  it("never takes a shipped persona's place", async () => {
    assert.equal((await readPersonaFile(personas, "shop"))?.image, "debian-12");
    assert.equal(await readPersonaFile(personas, "debian-12"), undefined);
    await writePersonaFile(personas, "debian-12", FILE);
    await assert.rejects(readPersonaFile(personas, "debian-12"), {
      code: "persona-unusable",
      message: /has the name of a shipped persona/,
    });
    await rm(personaPath(personas, "debian-12"));
  });

  it("is what `image build` looks for", async () => {
    await writeFile(personaPath(personas, "broken"), "{}");
    await assert.rejects(imageBuildCommand("broken", { data }), {
      code: "persona-unusable",
      message: /broken\.json is not a persona's file/,
    });
  });

  it("has its image built in the folder that was asked for", { timeout: 60_000 }, async () => {
    await using fake = await startFakeEngine(() => ({ status: 404, body: { message: "no such image" } }));
    const workFolder = join(data, "nowhere");
    const abort = new AbortController();
    const options = { persona: "shop", personas, workFolder, signal: abort.signal };
    const building = buildImage(fake.engine, {
      ...options,
      inquire: () => Promise.reject(new Error("there is no image")),
      progress: ({ text }) => {
        if (text !== "another start builds the image") abort.abort(new Error("it is built elsewhere"));
      },
    });
    await assert.rejects(building, ({ message }: Error) => {
      assert.match(message, /ENOENT/);
      assert.ok(message.includes(workFolder), message);
      return true;
    });
  });
});
