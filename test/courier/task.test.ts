import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pauseAfter, retryAfterOf } from "../../gateway/courier/pause.ts";
import { MitsubakoError } from "../../gateway/model/errors.ts";
import { connectTo } from "../../gateway/warden/courier-connection.ts";
import { courierTask, parseHeaders, receiverOf } from "../../gateway/warden/courier-task.ts";
import { webhook } from "./spool.ts";

const ABOUT = { sensor: "lab", uuid: "5f1c1c0e-2a6b-11f1-9d6e-0242ac120002" };

test("headers: names and values as HTTP has them, and none that the gateway sets", () => {
  assert.deepEqual(parseHeaders("Authorization:  Splunk 1: 2 \r\n# no\n\nX-A:\n", "h"), [
    ["authorization", "Splunk 1: 2"],
    ["x-a", ""],
  ]);
  for (const wrong of [
    "no colon",
    "Bad Name: x",
    "X: a\0b",
    "X: a\rY: b",
    "Host: elsewhere",
    "content-length: 0",
    "X: 1\nx: 2",
    "X: \x1b[2J",
  ])
    assert.throws(() => parseHeaders(wrong, "h"), isUnusable, JSON.stringify(wrong));
  assert.throws(
    () => parseHeaders("s3cret without a name", "h"),
    (error) => isUnusable(error) && !(error as Error).message.includes("s3cret"),
  );
});

test("a file of headers that others may read is refused, as is one that is not there or no file", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-headers-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const headersFile = join(folder, "headers");
  const of = (more: object) => courierTask(webhook("https://siem.example/x", { ...more }), ABOUT);
  await assert.rejects(of({ headersFile }), isUnusable);
  writeFileSync(headersFile, "X: 1\n", { mode: 0o600 });
  assert.deepEqual((await of({ headersFile })).configuration.headers, [["x", "1"]]);
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(headersFile, mode);
    await assert.rejects(of({ headersFile }), isUnusable, mode.toString(8));
  }
  await assert.rejects(of({ headersFile: folder }), isUnusable);
  await assert.rejects(of({ caFile: headersFile }), isUnusable);
  assert.equal((await of({})).configuration.ca, undefined);
});

test("where a URL leads", () => {
  const of = (url: string, plaintext = false) => receiverOf({ url, plaintext });
  assert.deepEqual(of("https://siem.example/x"), { host: "siem.example", port: 443, onlyLoopback: false });
  assert.deepEqual(of("http://[::1]:8088/"), { host: "::1", port: 8088, onlyLoopback: true });
  assert.deepEqual(of("http://localhost/", true), { host: "localhost", port: 80, onlyLoopback: false });
});

test("what may not leave the machine is not sent to a name that leads elsewhere", async (t) => {
  const server = createServer().listen(0, "0.0.0.0");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  (await connectTo({ host: "127.0.0.1", port, onlyLoopback: true }, 5000)).destroy();
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4");
  assert.ok(own, "this test needs an address of this machine beside loopback");
  (await connectTo({ host: own.address, port, onlyLoopback: false }, 5000)).destroy();
  await assert.rejects(
    connectTo({ host: own.address, port, onlyLoopback: true }, 5000),
    /could be read on the way/,
  );
  await assert.rejects(connectTo({ host: "127.0.0.1", port: 1, onlyLoopback: true }, 5000), /ECONNREFUSED/);
});

test("pauses double to the policy's most, by chance up to half as long, and never less than was asked for", () => {
  const retry = { first: 1000, most: 60_000 };
  const longest = [1, 2, 3, 6, 7, 8, 1e6].map((count) => pauseAfter({ count }, retry, 0));
  assert.deepEqual(longest, [1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000]);
  assert.equal(pauseAfter({ count: 1 }, retry, 1), 500);
  assert.equal(pauseAfter({ count: 1, retryAfter: 5000 }, retry, 0.5), 5000);
  assert.equal(pauseAfter({ count: 9, retryAfter: 5000 }, retry, 0), 60_000);
  assert.equal(pauseAfter({ count: 1, retryAfter: 1e15 }, retry, 0), 3_600_000);
});

test("Retry-After in seconds, as a date, and as nonsense", () => {
  const now = Date.parse("2026-11-29T12:00:00Z");
  assert.equal(retryAfterOf("120", now), 120_000);
  assert.equal(retryAfterOf("Sun, 29 Nov 2026 12:00:30 GMT", now), 30_000);
  assert.equal(retryAfterOf("Sun, 29 Nov 2026 11:00:00 GMT", now), 0);
  for (const nonsense of [undefined, "", "soon", "-5", "1e9999"])
    assert.equal(retryAfterOf(nonsense, now), undefined);
});

function isUnusable(error: unknown): boolean {
  return error instanceof MitsubakoError && error.code === "webhook-unusable";
}
