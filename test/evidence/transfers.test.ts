import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import type { FileOperation, Transferred } from "../../gateway/evidence/observation.ts";
import { ScpFiles } from "../../gateway/evidence/scp-files.ts";
import { SftpFiles } from "../../gateway/evidence/sftp-files.ts";

const run = promisify(execFile);
const BETWEEN = join(import.meta.dirname, "between.ts");
const SFTP_SERVER = "/usr/lib/openssh/sftp-server";
const BIG = randomBytes(1_300_007);

interface Place {
  readonly folder: string;
  /** What passed between client and server, in order. */
  readonly passed: () => {
    readonly command: string;
    readonly chunks: { from: "downstream" | "upstream"; bytes: Buffer }[];
  };
}

function place(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-transfers-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, "big"), BIG);
  writeFileSync(join(folder, "empty"), "");
  mkdirSync(join(folder, "tree/deep"), { recursive: true });
  writeFileSync(join(folder, "tree/deep/leaf file"), "leaf");
  mkdirSync(join(folder, "remote"));
  return {
    folder,
    passed: () => {
      const lines = readFileSync(join(folder, "log"), "utf8").trimEnd().split("\n");
      const [first, ...chunks] = lines.map((line) => JSON.parse(line) as ["downstream" | "upstream", string]);
      return {
        command: Buffer.from(first?.[1] ?? "", "base64").toString(),
        chunks: chunks.map(([from, bytes]) => ({ from, bytes: Buffer.from(bytes, "base64") })),
      };
    },
  };
}

function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function sftp(t: TestContext, ...commands: string[]): Promise<(Transferred | FileOperation)[]> {
  const { folder, passed } = place(t);
  writeFileSync(join(folder, "batch"), commands.join("\n"));
  const server = `${process.execPath} ${BETWEEN} ${join(folder, "log")} ${SFTP_SERVER}`;
  await run("sftp", ["-q", "-b", join(folder, "batch"), "-D", server], { cwd: folder });
  const files = new SftpFiles();
  return [
    ...passed().chunks.flatMap(({ from, bytes }) =>
      from === "downstream" ? files.client(bytes) : files.server(bytes),
    ),
    ...files.end(),
  ].map((one) => ({
    ...one,
    path: one.path.replace(`${folder}/`, ""),
    ...("to" in one ? { to: one.to.replace(`${folder}/`, "") } : {}),
  }));
}

test("files put by OpenSSH's sftp are told by name, size and hash", async (t) => {
  assert.deepEqual(await sftp(t, "put big remote/one", "put empty remote/two", "put -r tree remote"), [
    {
      kind: "transfer",
      protocol: "sftp",
      direction: "upload",
      path: "remote/one",
      size: BIG.length,
      whole: true,
      sha256: sha256(BIG),
    },
    {
      kind: "transfer",
      protocol: "sftp",
      direction: "upload",
      path: "remote/two",
      size: 0,
      whole: true,
      sha256: sha256(""),
    },
    { kind: "file-operation", operation: "mkdir", path: "remote/tree", done: true },
    { kind: "file-operation", operation: "mkdir", path: "remote/tree/deep", done: true },
    {
      kind: "transfer",
      protocol: "sftp",
      direction: "upload",
      path: "remote/tree/deep/leaf file",
      size: 4,
      whole: true,
      sha256: sha256("leaf"),
    },
    { kind: "file-operation", operation: "setstat", path: "remote/tree/deep", done: true },
    { kind: "file-operation", operation: "setstat", path: "remote/tree", done: true },
  ]);
});

test("files got by it too, and what was renamed, linked and removed", async (t) => {
  const told = await sftp(
    t,
    "get big got",
    "get empty got2",
    "mkdir remote/d",
    "rename empty remote/moved",
    "symlink moved remote/link",
    "rm remote/moved",
    "-rm remote/never",
    "rmdir remote/d",
  );
  assert.deepEqual(told[0], {
    kind: "transfer",
    protocol: "sftp",
    direction: "download",
    path: "big",
    size: BIG.length,
    whole: true,
    sha256: sha256(BIG),
  });
  assert.deepEqual(told[1], {
    kind: "transfer",
    protocol: "sftp",
    direction: "download",
    path: "empty",
    size: 0,
    whole: true,
    sha256: sha256(""),
  });
  assert.deepEqual(
    told
      .slice(2)
      .map((one) => (one.kind === "file-operation" ? [one.operation, one.path, one.to, one.done] : one)),
    [
      ["mkdir", "remote/d", undefined, true],
      ["rename", "empty", "remote/moved", true],
      ["symlink", "remote/link", "moved", true],
      ["remove", "remote/moved", undefined, true],
      ["remove", "remote/never", undefined, false],
      ["rmdir", "remote/d", undefined, true],
    ],
  );
});

async function scp(t: TestContext, ...args: string[]): Promise<{ command: string; told: Transferred[] }> {
  const { folder, passed } = place(t);
  const ssh = join(folder, "ssh");
  writeFileSync(ssh, `#!/bin/sh\nexec ${process.execPath} ${BETWEEN} ${join(folder, "log")} --ssh "$@"\n`);
  chmodSync(ssh, 0o700);
  await run("scp", ["-q", "-O", "-S", ssh, ...args], { cwd: folder });
  const { command, chunks } = passed();
  const files = ScpFiles.of(command);
  assert.ok(files, command);
  const told = chunks.flatMap(({ from, bytes }) => (from === files.sender ? files.push(bytes) : []));
  return { command, told: [...told, ...files.end()] };
}

test("files copied by the old scp are told, in and out, alone and in folders", async (t) => {
  assert.deepEqual((await scp(t, "big", "host:remote/one")).told, [
    {
      kind: "transfer",
      protocol: "scp",
      direction: "upload",
      path: "remote/one",
      size: BIG.length,
      whole: true,
      sha256: sha256(BIG),
    },
  ]);
  assert.deepEqual(
    (await scp(t, "-p", "empty", "big", "host:remote/")).told.map(({ path, size }) => [path, size]),
    [
      ["remote/empty", 0],
      ["remote/big", BIG.length],
    ],
  );
  assert.deepEqual(
    (await scp(t, "-r", "tree", "host:remote")).told.map(({ path, sha256 }) => [path, sha256]),
    [["remote/tree/deep/leaf file", sha256("leaf")]],
  );
  assert.deepEqual((await scp(t, "host:big", "got")).told, [
    {
      kind: "transfer",
      protocol: "scp",
      direction: "download",
      path: "big",
      size: BIG.length,
      whole: true,
      sha256: sha256(BIG),
    },
  ]);
  assert.deepEqual(
    (await scp(t, "-r", "host:tree", "got")).told.map(({ path }) => path),
    ["tree/deep/leaf file"],
  );
});

test("a copy that stopped half-way is told as not whole, without a hash", () => {
  const files = ScpFiles.of("scp -t /tmp/x");
  assert.ok(files);
  assert.deepEqual(files.push(Buffer.from("C0644 10 x\nhalf")), []);
  assert.deepEqual(files.end(), [
    { kind: "transfer", protocol: "scp", direction: "upload", path: "/tmp/x", size: 4, whole: false },
  ]);
});

test("other commands are no scp", () => {
  for (const command of ["scp", "scp a b", "echo scp -t x", "scpx -t y", ""])
    assert.equal(ScpFiles.of(command), undefined);
});

test("bytes that are neither SFTP nor SCP end in a RangeError at most, without holding memory", () => {
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647);
  for (let round = 0; round < 300; round++) {
    const sftp = new SftpFiles();
    const scp = ScpFiles.of("scp -rt .");
    for (let step = 0; step < 20; step++) {
      const bytes = Buffer.from(
        Array.from({ length: random() % 200 }, () => (random() % 3 === 0 ? 0 : random() % 256)),
      );
      for (const feed of [() => sftp.client(bytes), () => sftp.server(bytes), () => scp?.push(bytes)]) {
        try {
          feed();
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }
    }
  }
});
