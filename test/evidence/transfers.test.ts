import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import type { FileOperation, Transferred } from "../../gateway/evidence/observation.ts";
import { ScpFiles } from "../../gateway/evidence/scp-files.ts";
import { SftpFiles } from "../../gateway/evidence/sftp-files.ts";
import { string, u32, u64 } from "../../gateway/ssh/messages/writer.ts";

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

/** What is told of a client that asks OpenSSH's server so, each time when it has the answer before. */
async function asked(t: TestContext, ask: (folder: string) => Iterable<Buffer[]>): Promise<unknown[]> {
  const { folder } = place(t);
  writeFileSync(join(folder, "leaf"), "a leaf");
  symlinkSync("leaf", join(folder, "link"));
  const server = spawn(SFTP_SERVER, { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => server.kill());
  const files = new SftpFiles();
  const told: unknown[] = [];
  const answers = server.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (const [type = Buffer.of(), ...fields] of [[Buffer.of(1), u32(3)], ...ask(folder)]) {
    const body = Buffer.concat([type, ...fields]);
    const packet = Buffer.concat([u32(body.length), body]);
    told.push(...files.client(packet));
    server.stdin.write(packet);
    let answer = Buffer.alloc(0);
    while (answer.length < 4 || answer.length < 4 + answer.readUInt32BE(0)) {
      const next = await answers.next();
      assert.ok(next.done !== true);
      answer = Buffer.concat([answer, next.value]);
    }
    told.push(...files.server(answer));
  }
  return told.map((one) => {
    const { size, whole, sha256: hash } = one as Transferred;
    return [size, whole, hash];
  });
}

/** The first handle that OpenSSH's server gives. */
const HANDLE = string(u32(0));
const opened = (path: string) => [Buffer.of(3), u32(1), string(path), u32(1), u32(0)];
const read = (offset: number, length: number) => [
  Buffer.of(5),
  u32(2),
  HANDLE,
  u64(BigInt(offset)),
  u32(length),
];
const closed = () => [Buffer.of(4), u32(3), HANDLE];
const LSTAT = 7;
const STAT = 17;
const stat = (path: string, type = STAT) => [Buffer.of(type), u32(4), string(path)];
const fstat = () => [Buffer.of(8), u32(4), HANDLE];
const WHOLE = [6, true, sha256("a leaf")];

for (const [how, ask, expected] of [
  ["by a path, before", (path: string) => [stat(path), opened(path), read(0, 6), closed()], WHOLE],
  [
    "by a path, while it is open",
    (path: string) => [opened(path), stat(path, LSTAT), read(0, 6), closed()],
    WHOLE,
  ],
  [
    "by its handle, after some of it",
    (path: string) => [opened(path), read(0, 4), fstat(), read(4, 2), closed()],
    WHOLE,
  ],
  [
    "and not all of it is read",
    (path: string) => [stat(path), opened(path), read(0, 5), closed()],
    [5, false, undefined],
  ],
  [
    "and not the beginning of it is read",
    (path: string) => [opened(path), fstat(), read(1, 5), closed()],
    [6, false, undefined],
  ],
  [
    "of a link only",
    (path: string) => [
      stat(path.replace(/leaf$/, "link"), LSTAT),
      opened(path.replace(/leaf$/, "link")),
      read(0, 4),
      closed(),
    ],
    [4, false, undefined],
  ],
] as const)
  test(`a file got by who knows its size, told ${how}`, async (t) => {
    assert.deepEqual(await asked(t, (folder) => ask(join(folder, "leaf")).map((one) => [...one])), [
      expected,
    ]);
  });

test("one file sent with -r goes where it was named for, or into the folder that was named", () => {
  for (const [command, path] of [
    ["scp -r -t /tmp/a", "/tmp/a"],
    ["scp -r -t a", "a"],
    ["scp -r -t /tmp", "/tmp/a"],
    ["scp -r -d -t /tmp/a", "/tmp/a/a"],
    ["scp -r -t /tmp/a/", "/tmp/a/a"],
  ] as const)
    assert.deepEqual(ScpFiles.of(command)?.push(Buffer.from("C0644 1 a\nx\0")).map((one) => one.path), [path], command); // prettier-ignore
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
