import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Engine, isGone } from "../../gateway/sandbox/docker.ts";

test("an engine that is not there, or does not answer, is dead, and the remedy is said", async () => {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-engine-"));
  const isDead = (error: Error & { code: string; remedy?: string }) => {
    assert.equal(error.code, "engine-dead");
    assert.match(error.remedy ?? "", /Start it/);
    return true;
  };
  const silent = createServer(() => undefined);
  try {
    await assert.rejects(new Engine(join(folder, "none")).info(), isDead);
    const socket = join(folder, "silent");
    await new Promise<void>((resolve) => silent.listen(socket, resolve));
    const engine = new Engine(socket);
    await assert.rejects(
      engine.call("answer", (docker, abortSignal) => docker.listContainers({ abortSignal }), {
        timeout: 100,
      }),
      isDead,
    );
    const abort = new AbortController();
    const waiting = engine.call("answer", (docker, abortSignal) => docker.listContainers({ abortSignal }), {
      signal: abort.signal,
    });
    abort.abort(new Error("not wanted any more"));
    await assert.rejects(waiting, /not wanted any more/);
  } finally {
    silent.close();
    await rm(folder, { recursive: true });
  }
});

test("what the engine refuses is told with its reason and status", async () => {
  const engine = new Engine();
  await assert.rejects(
    engine.call("describe a sandbox", (docker) => docker.getContainer("no-such-sandbox").inspect()),
    (error: Error & { code: string }) => {
      assert.equal(error.code, "engine-refused");
      assert.match(error.message, /^Docker Engine refused to describe a sandbox: .*no-such-sandbox/i);
      return isGone(error);
    },
  );
});
