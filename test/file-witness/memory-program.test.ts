/** A program that is only memory is read of a process in the namespace that was named, and of no other. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { openMemoryProgram } from "../../gateway/warden/memory-program.ts";
import { eventually } from "../watcher/lab.ts";

const PROGRAM = `import os
fd = os.memfd_create("a\\nname")
os.write(fd, open("/bin/sleep", "rb").read())
os.execve(fd, ["sleep", "600"], {})`;

test("its content and its name, byte for byte; nothing of another namespace, of other programs, or of nobody", async (t) => {
  const child = spawn("/usr/bin/python3", ["-I", "-c", PROGRAM], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  const pid = child.pid ?? 0;
  const namespace = Number(/\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0]);
  const program = await eventually(() => openMemoryProgram(pid, namespace));
  assert.equal(program.path, "memfd:a\nname");
  const pieces: Buffer[] = [];
  for await (const piece of program.content()) pieces.push(piece);
  assert.deepEqual(Buffer.concat(pieces), readFileSync("/bin/sleep"));
  assert.equal(program.size, Buffer.concat(pieces).length);

  const open = readdirSync("/proc/self/fd").length;
  assert.equal(openMemoryProgram(pid, namespace + 1), undefined);
  assert.equal(openMemoryProgram(process.pid, namespace), undefined);
  assert.equal(openMemoryProgram(0, namespace), undefined);
  const another = openMemoryProgram(pid, namespace);
  another?.close();
  assert.equal(readdirSync("/proc/self/fd").length, open, "and nothing stays open");
});
