/** Two streams as a socket: whatever they do, and whoever else connects. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, Server } from "node:net";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { text } from "node:stream/consumers";
import { asSocket } from "../../gateway/sandbox/image/as-socket.ts";

test("what is written comes to the input, and the output's bytes and end come back", async () => {
  const input = new PassThrough();
  const output = new PassThrough();
  const socket = await asSocket(input, output);
  socket.write("asked");
  assert.equal(String((await once(input, "data"))[0]), "asked");
  output.end("answered");
  assert.equal(await text(socket), "answered");
  socket.destroy();
});

test("an error before anybody listens is the socket's end, not the process's", async () => {
  for (const which of ["input", "output"] as const) {
    const streams = { input: new PassThrough(), output: new PassThrough() };
    const made = asSocket(streams.input, streams.output);
    streams[which].destroy(new Error("reset by engine"));
    const socket = await made;
    socket.resume();
    if (!socket.destroyed) await once(socket, "close");
  }
});

test("another program that connects first is not taken for it", async (t) => {
  const listen = t.mock.method(Server.prototype, "listen");
  const input = new PassThrough();
  const made = asSocket(input, new PassThrough());
  const name = String(listen.mock.calls[0]?.arguments[0]);
  assert.ok(readFileSync("/proc/net/unix", "latin1").includes(name.replace("\0", "@")), "it can be found");
  const stranger = connect(name);
  const silent = connect(name);
  const gone = [once(stranger, "close"), once(silent, "close")];
  for (const one of [stranger, silent]) one.on("error", () => undefined).resume();
  stranger.write("s".repeat(64));
  const socket = await made;
  await Promise.all(gone);
  socket.write("asked");
  assert.equal(String((await once(input, "data"))[0]), "asked");
  socket.destroy();
});
