import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { alike, compare, differsInEndAlone } from "./compare.ts";

test("answers are alike when they say the same, and never where the prober failed", () => {
  const fault = ["3 ...", "prober: nothing more came", "FIN"];
  assert.ok(alike(["3 ...", "FIN"], ["3 ...", "FIN"]));
  assert.ok(!alike(["3 ...", "FIN"], ["3 ...", "RST"]));
  assert.ok(!alike(fault, fault));
  assert.ok(differsInEndAlone({ name: "", theirs: ["3 ...", "FIN"], ours: ["3 ...", "RST"] }));
  assert.ok(!differsInEndAlone({ name: "", theirs: fault, ours: [...fault.slice(0, -1), "RST"] }));
});

test("a probe that cannot be made is a difference", async () => {
  const server = createServer((socket) => socket.on("error", () => undefined).end("nobody\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const broken = () => Promise.reject(new Error("a mistake in the probe"));
  const probes = [
    { name: "sound", script: () => undefined },
    { name: "broken", script: broken },
  ];
  try {
    const found = await compare({ name: "both", probes }, { theirs: port, ours: port });
    assert.deepEqual(
      found.map(({ name, ours }) => [name, ours.includes("prober: a mistake in the probe")]),
      [["broken", true]],
    );
  } finally {
    server.close();
  }
});
