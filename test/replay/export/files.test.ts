import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { buildChannelSignal } from "../../../gateway/ssh/messages/channel.ts";
import { string, u32, u64 } from "../../../gateway/ssh/messages/writer.ts";
import { Conversation } from "../../evidence/conversation.ts";
import { ownFolder } from "../../recording/sample.ts";
import { conversation, exported, recorded, SESSION } from "./sample.ts";

const run = promisify(execFile);
const BETWEEN = join(import.meta.dirname, "../../evidence/between.ts");
const SFTP_SERVER = "/usr/lib/openssh/sftp-server";
const BIG = randomBytes(1_300_007);

interface Told {
  readonly file: string;
  readonly path: string;
  readonly pathBytes?: string;
  readonly direction: string;
  readonly way: string;
  readonly decoded?: string;
  readonly size: number;
  readonly sha256?: string;
  readonly whole: boolean;
  readonly appended?: boolean;
  readonly holes?: readonly (readonly [number, number])[];
  readonly beyond?: number;
}

interface Files {
  readonly folder: string;
  readonly told: readonly Told[];
  readonly contents: (path: string) => Buffer;
}

async function filesOf(t: TestContext, talk: Conversation): Promise<Files> {
  const folder = join(ownFolder(t), "files");
  const { code } = await exported({
    session: await recorded(t, talk.whole()),
    format: "files",
    output: folder,
  });
  assert.equal(code, 0);
  const told = JSON.parse(readFileSync(join(folder, "files.json"), "utf8")) as Told[];
  // Nothing but what the manifest names, each a plain file that nobody executes, with the size and hash that it says.
  assert.deepEqual(readdirSync(folder).sort(), [...told.map(({ file }) => file), "files.json"].sort());
  for (const { file, size, sha256 } of told) {
    const stat = lstatSync(join(folder, file));
    assert.ok(stat.isFile() && (stat.mode & 0o777) === 0o600 && stat.size === size, file);
    if (sha256 !== undefined) assert.equal(sha256, hash(readFileSync(join(folder, file))));
  }
  return {
    folder,
    told,
    contents: (path) => {
      const found = told.findLast((one) => one.path === path);
      assert.ok(found, `no ${path} among ${told.map((one) => one.path).join(", ")}`);
      return readFileSync(join(folder, found.file));
    },
  };
}

function hash(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A folder with something to move, and what passed between a client and a server there. */
function place(t: TestContext) {
  const folder = ownFolder(t);
  writeFileSync(join(folder, "big"), BIG);
  writeFileSync(join(folder, "empty"), "");
  mkdirSync(join(folder, "tree/deep"), { recursive: true });
  writeFileSync(join(folder, "tree/deep/leaf file"), "leaf");
  mkdirSync(join(folder, "remote"));
  const log = join(folder, "log");
  return {
    folder,
    log,
    passed: () => {
      const lines = readFileSync(log, "utf8").trimEnd().split("\n");
      const [first, ...chunks] = lines.map((line) => JSON.parse(line) as ["downstream" | "upstream", string]);
      return {
        command: Buffer.from(first?.[1] ?? "", "base64").toString(),
        chunks: chunks.map(([from, bytes]) => ({ from, bytes: Buffer.from(bytes, "base64") })),
      };
    },
  };
}

type Chunks = { readonly from: "downstream" | "upstream"; readonly bytes: Buffer }[];

function say(talk: Conversation, channel: number, chunks: Chunks): void {
  for (const { from, bytes } of chunks) {
    for (let at = 0; at < bytes.length; at += 32_768) {
      const part = bytes.subarray(at, at + 32_768);
      if (from === "downstream") talk.sends(channel, part);
      else talk.gets(channel, part);
    }
  }
}

test("what OpenSSH's sftp put and got comes out to the byte", async (t) => {
  const { folder, log, passed } = place(t);
  writeFileSync(
    join(folder, "batch"),
    "put big remote/one\nput empty remote/two\nput -r tree remote\nget big got\nget empty got2\n",
  );
  const server = `${process.execPath} ${BETWEEN} ${log} ${SFTP_SERVER}`;
  await run("sftp", ["-q", "-b", join(folder, "batch"), "-D", server], { cwd: folder });
  const talk = new Conversation(SESSION).login();
  const channel = talk.open();
  talk.request(channel, "subsystem", string("sftp"));
  say(talk, channel, passed().chunks);
  const { told } = await filesOf(t, talk.exits(channel, 0));
  assert.deepEqual(
    told.map(({ path, direction, way, whole, sha256 }) => [
      path.replace(`${folder}/`, ""),
      direction,
      way,
      whole,
      sha256,
    ]),
    [
      ["remote/one", "upload", "sftp", true, hash(BIG)],
      ["remote/two", "upload", "sftp", true, hash("")],
      ["remote/tree/deep/leaf file", "upload", "sftp", true, hash("leaf")],
      ["big", "download", "sftp", true, hash(BIG)],
      ["empty", "download", "sftp", true, hash("")],
    ],
  );
});

test("what the old scp copied in and out, too", async (t) => {
  const talk = new Conversation(SESSION).login();
  for (const args of [
    ["-r", "big", "empty", "tree", "host:remote/"],
    ["host:big", "got"],
  ]) {
    const { folder, log, passed } = place(t);
    const ssh = join(folder, "ssh");
    writeFileSync(ssh, `#!/bin/sh\nexec ${process.execPath} ${BETWEEN} ${log} --ssh "$@"\n`);
    chmodSync(ssh, 0o700);
    await run("scp", ["-q", "-O", "-S", ssh, ...args], { cwd: folder });
    const channel = talk.open();
    talk.exec(channel, passed().command);
    say(talk, channel, passed().chunks);
    talk.exits(channel, 0);
  }
  const { told } = await filesOf(t, talk);
  assert.deepEqual(
    told.map(({ path, direction, whole, sha256 }) => [path, direction, whole, sha256]),
    [
      ["remote/big", "upload", true, hash(BIG)],
      ["remote/empty", "upload", true, hash("")],
      ["remote/tree/deep/leaf file", "upload", true, hash("leaf")],
      ["big", "download", true, hash(BIG)],
    ],
  );
});

/** SFTP's packets, one byte a character in names. */
const sftp = (type: number, ...fields: Buffer[]) => {
  const body = Buffer.concat([Buffer.of(type), ...fields]);
  return Buffer.concat([u32(body.length), body]);
};

/** A file opened for reading (1) or writing (2), and what happens with it; the server agrees with all. */
function sftpSession(
  path: string,
  flags: number,
  ...rest: (readonly ["sends" | "gets", Buffer])[]
): Conversation {
  const talk = new Conversation(SESSION).login();
  const channel = talk.open();
  talk.request(channel, "subsystem", string("sftp"));
  talk.sends(channel, sftp(3, u32(1), string(path), u32(flags), u32(0)));
  talk.gets(channel, sftp(102, u32(1), string("h")));
  for (const [how, bytes] of rest) talk[how](channel, bytes);
  return talk;
}
const write = (offset: bigint, data: string) =>
  ["sends", sftp(6, u32(9), string("h"), u64(offset), string(data))] as const;
const read = (id: number, offset: bigint) =>
  ["sends", sftp(5, u32(id), string("h"), u64(offset), u32(4))] as const;
const data = (id: number, text: string) => ["gets", sftp(103, u32(id), string(text))] as const;
const endOfFile = (id: number) => ["gets", sftp(101, u32(id), u32(1), string(""), string(""))] as const;
const close = ["sends", sftp(4, u32(2), string("h"))] as const;

test("pieces stand at their offsets, whatever their order; what is missing is said", async (t) => {
  const mixed = await filesOf(
    t,
    sftpSession("/a", 2, write(4n, "5678"), write(0n, "1234"), write(8n, "9"), close),
  );
  assert.equal(mixed.contents("/a").toString(), "123456789");
  assert.equal(mixed.told[0]?.whole, true);
  const holed = await filesOf(
    t,
    sftpSession("/a", 2, write(2n, "cd"), write(8n, "ij"), write(3n, "de"), close),
  );
  assert.equal(holed.contents("/a").toString(), "\0\0cde\0\0\0ij");
  assert.deepEqual(
    holed.told.map(({ whole, sha256, holes }) => [whole, sha256, holes]),
    [
      [
        false,
        undefined,
        [
          [0, 2],
          [5, 8],
        ],
      ],
    ],
  );
  const asked = [read(5, 4n), read(6, 0n), read(7, 8n)];
  const answered = await filesOf(
    t,
    sftpSession("/a", 1, ...asked, data(6, "1234"), data(5, "5678"), endOfFile(7), close),
  );
  assert.equal(answered.contents("/a").toString(), "12345678");
  assert.deepEqual([answered.told[0]?.direction, answered.told[0]?.whole], ["download", true]);
});

test("a transfer that was broken off is there as far as it came, and not whole", async (t) => {
  const { told, contents } = await filesOf(t, sftpSession("/a", 2, write(0n, "1234")));
  assert.equal(contents("/a").toString(), "1234");
  assert.equal(told[0]?.whole, false);
});

test("an offset beyond all disks is told and not written", async (t) => {
  const { told } = await filesOf(
    t,
    sftpSession("/a", 2, write(0n, "1"), write(2n ** 62n, "22"), write(2n ** 64n - 1n, "3"), close),
  );
  assert.deepEqual(
    told.map(({ size, whole, beyond }) => [size, whole, beyond]),
    [[1, false, 3]],
  );
});

test("no name leads out of the folder, or over another file", async (t) => {
  const names = [
    "../../../etc/passwd",
    "/",
    "..",
    ".",
    "",
    "files.json",
    "0001-x",
    "a\0b",
    "-rf",
    "x".repeat(5000),
    "\xff\xfe/\x1b[c",
    "con",
    "a/b\n",
  ];
  const talk = new Conversation(SESSION).login();
  for (const name of [...names, ...names]) {
    const channel = talk.open();
    talk.exec(channel, "scp -t -d /tmp");
    talk.sends(channel, `C0644 3 ${name.replace("\n", "")}\nabc\0`).exits(channel, 0);
  }
  const { told, folder } = await filesOf(t, talk);
  assert.equal(new Set(told.map(({ file }) => file)).size, names.length * 2);
  assert.ok(told.every(({ file }) => /^\d{4,}-[A-Za-z0-9._-]{1,80}$/.test(file)));
  assert.deepEqual(readdirSync(join(folder, "..")), ["files"]);
  assert.equal(told[10]?.pathBytes, Buffer.from("/tmp/\xff\xfe/\x1b[c", "latin1").toString("base64"));
});

/** Each writes the file `f`, as bash itself would. */
const LINES: readonly string[] = [
  "echo hello > f",
  "echo -n hello>f",
  String.raw`echo -ne "\x7fELF\x02\x01\0\0101\x00\n" > f; echo -ne '\x03\x04' >> f`,
  String.raw`echo -e 'a\tb\\c\cnot this' > f && echo done`,
  String.raw`echo 'a\tb' > f`,
  String.raw`/bin/echo -n -e "one\n" >> f ; echo -en "\0101two" >>f`,
  String.raw`printf '\177ELF%%\x01\101' > f`,
  String.raw`printf "%s-%b\n" 'a\n' 'b\n' > f`,
  `echo ${randomBytes(300).toString("base64")} | base64 -d > f`,
  `echo "${Buffer.from("x".repeat(10)).toString("base64")}" | base64 --decode | tee f > /dev/null`,
  `base64 -d > f <<< ${BIG.toString("base64").slice(0, 4000)}`,
  "cat > f << EOF\nline one\n\n\ttabbed\nEOF\n",
  "cat <<-'END' >f\n\t\tone\n\t$two `three` \\\\ \\\n\tEND\n",
  'cat << "EOF" | base64 -d > f\n' +
    `${BIG.subarray(0, 900)
      .toString("base64")
      .replace(/(.{76})/g, "$1\n")}\nEOF\n`,
  "cat << A > other; cat << B > f\nfor a\nA\nfor b\nB\n",
  "cat > f << \\EOF\n$HOME\nEOF\n",
  "cat > f <<EOF\na \\$b \\\\ \\n \\`c\\`\njoined \\\nline\nEOF\n",
  "> f; echo a >> f; echo b >> f",
  "echo first > f\necho second > f\necho third >> f",
  "echo 'two\nlines' > f",
  "echo a\\\nb > f",
  "true && { echo in braces > f; }",
  "(echo in parentheses) > /dev/null; echo c | cat | tee f >/dev/null",
  "echo $'\\x41\\101\\n\\'' > f # a comment > g",
  'x=1 echo a "b  c" \'d\'"e"f > f 2>/dev/null',
  `sh -c "echo inner > f; bash -c 'echo deeper >> f'"`,
  "bash -c 'cat > f << EOF\nin there\nEOF\necho after >> f'",
  "dd of=f bs=1 2>/dev/null << EOF\ndd\nEOF\n",
  "echo to a descriptor 1>f",
  "echo a; echo b >f ; python3 - << EOF\nprint('> f')\nEOF\necho c",
];

function bashSays(line: string, t: TestContext): Buffer {
  const folder = ownFolder(t);
  execFileSync("bash", ["-c", line], { cwd: folder, stdio: "ignore" });
  return readFileSync(join(folder, "f"));
}

test("here-documents, echo, printf and base64 write what a real bash writes, asked for or in a shell", async (t) => {
  for (const line of LINES) {
    const expected = bashSays(line, t);
    const asked = new Conversation(SESSION).login();
    asked.exec(asked.open(), line);
    const shell = new Conversation(SESSION).login();
    const channel = shell.open();
    shell.request(channel, "shell").sends(channel, `${line}\n`);
    for (const talk of [asked, shell]) {
      const { contents, told } = await filesOf(t, talk);
      assert.deepEqual(contents("f"), expected, line);
      const last = told.findLast(({ path }) => path === "f");
      const startsUnknown = /^\S*echo [^>]*>> f/.test(line);
      assert.deepEqual(
        [last?.whole, last?.appended],
        startsUnknown ? [false, true] : [true, undefined],
        line,
      );
    }
  }
});

test("what cannot be known is not made up: it is told as not whole, or not at all", async (t) => {
  const partly = new Conversation(SESSION).login();
  partly.exec(
    partly.open(),
    'echo "$HOME" > a; echo `id` > b; cat > c << EOF\n$PATH\nEOF\necho unended > d; cat > e << EOF\nbody',
  );
  const { told } = await filesOf(t, partly);
  assert.deepEqual(told.map(({ path, whole }) => [path, whole]).sort(), [
    ["a", false],
    ["b", false],
    ["c", false],
    ["d", true],
    ["e", false],
  ]);
  const unknown = new Conversation(SESSION).login();
  unknown.exec(
    unknown.open(),
    "ls > a; cat b > c; id | tee d; printf %d 1 > e; cat x | base64 -d > f; echo a | tr a b > g; echo x >&2; echo y > /dev/null; > h",
  );
  await assert.rejects(filesOf(t, unknown), /No file was transferred/);
});

test("`cat > file` gets what the channel sends, whole once its end was said", async (t) => {
  for (const [ends, command] of [
    [true, "mkdir -p /tmp/x && cat > /tmp/x/f && chmod +x /tmp/x/f; cat"],
    [false, "cat >/tmp/x/f"],
    [true, "base64 -d | tee /tmp/x/f"],
    [true, 'sudo sh -c "cat > /tmp/x/f"'],
  ] as const) {
    const talk = new Conversation(SESSION).login();
    const channel = talk.open();
    talk.exec(channel, command);
    const sent: Buffer = command.startsWith("base64") ? Buffer.from(BIG.toString("base64")) : BIG;
    for (let at = 0; at < sent.length; at += 30_000) talk.sends(channel, sent.subarray(at, at + 30_000));
    if (ends) talk.packet("downstream", buildChannelSignal("channel-eof", channel));
    const { contents, told } = await filesOf(t, talk.exits(channel, 0));
    assert.ok(contents("/tmp/x/f").equals(BIG));
    assert.deepEqual(
      told.map(({ way, whole }) => [way, whole]),
      [["standard input", ends]],
    );
  }
});

test("in a shell without a terminal, such a command gets all that comes after it", async (t) => {
  const talk = new Conversation(SESSION).login();
  const channel = talk.open();
  talk.request(channel, "shell");
  const sent = Buffer.concat([Buffer.from("cd /tmp\ncat > f\n"), BIG]);
  for (let at = 0; at < sent.length; at += 30_000) talk.sends(channel, sent.subarray(at, at + 30_000));
  talk.packet("downstream", buildChannelSignal("channel-eof", channel));
  const { contents, told } = await filesOf(t, talk.exits(channel, 0));
  assert.ok(contents("f").equals(BIG));
  assert.deepEqual(
    told.map(({ way, whole }) => [way, whole]),
    [["standard input", true]],
  );
});

/**
 * What passes on the terminal of a real bash to which these lines are typed, each once there is a prompt; one that begins with a dash
 * without waiting for a prompt, a moment after the one before it.
 */
async function typedIntoBash(
  t: TestContext,
  lines: readonly string[],
): Promise<{ chunks: Chunks; folder: string }> {
  const folder = ownFolder(t);
  const chunks: Chunks = [];
  const bash = spawn("script", ["-q", "-f", "-e", "-c", "exec bash --norc -i", join(ownFolder(t), "log")], {
    cwd: folder,
    env: { ...process.env, TERM: "xterm", PS1: "root@srv:~# ", SHELL: "/bin/sh", HISTFILE: "" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  let seen = "";
  let next = 0;
  const type = () => {
    if (next > lines.length) return;
    const line = lines[next] ?? "exit";
    next += 1;
    const bytes = Buffer.from(line === "-end" ? "\x04" : `${line.replace(/^-/, "")}\r`);
    chunks.push({ from: "downstream", bytes });
    bash.stdin.write(bytes);
  };
  let unasked = false;
  const typeUnasked = () => {
    type();
    seen = "";
    unasked = lines[next]?.startsWith("-") === true;
    if (unasked) setTimeout(typeUnasked, 300);
  };
  bash.stdout.on("data", (bytes: Buffer) => {
    chunks.push({ from: "upstream", bytes });
    seen += bytes.toString("latin1");
    if (unasked) return;
    if (lines[next]?.startsWith("-") === true) {
      // The shell reads no more when it has switched bracketed paste off; its command does, a moment later.
      unasked = seen.includes("\x1b[?2004l");
      if (unasked) setTimeout(typeUnasked, 300);
    } else if (/(?:# |> )$/.test(seen)) {
      seen = "";
      type();
    }
  });
  await once(bash, "exit");
  return { chunks, folder };
}

test("typed into a real bash on a terminal, they come out as that bash wrote them", async (t) => {
  const lines = [
    "cat > script.sh << 'EOF'",
    "#!/bin/sh",
    "",
    "  echo $1",
    "EOF",
    String.raw`echo -ne "\x7fELF\x01" > bin`,
    String.raw`echo -ne "\x02\x03" >> bin`,
    `echo ${BIG.subarray(0, 200).toString("base64")} | base64 -d > decoded`,
    "cat > typed",
    "-echo no command > no-file",
    "-second line",
    "-end",
  ];
  const { chunks, folder } = await typedIntoBash(t, lines);
  const talk = new Conversation(SESSION).login();
  const channel = talk.open();
  talk.shell(channel);
  say(talk, channel, chunks);
  const { contents, told } = await filesOf(t, talk.exits(channel, 0));
  for (const name of ["script.sh", "bin", "decoded", "typed"])
    assert.deepEqual(contents(name).toString("latin1"), readFileSync(join(folder, name), "latin1"), name);
  assert.equal(readFileSync(join(folder, "typed"), "latin1"), "echo no command > no-file\nsecond line\n");
  // What a program reads from a terminal is known from the keys alone.
  assert.deepEqual(told.map(({ path, whole }) => [path, whole]).sort(), [
    ["bin", true],
    ["decoded", true],
    ["script.sh", true],
    ["typed", false],
  ]);
});

test("floods of files, opens and open quotes cost bounded time and memory", async (t) => {
  const before = process.memoryUsage.rss();
  const began = performance.now();
  const talk = new Conversation(SESSION).login();
  const channel = talk.open();
  talk.request(channel, "shell");
  for (let round = 0; round < 40; round++) talk.sends(channel, `echo '${"x\n".repeat(5000)}`);
  for (let round = 0; round < 300; round++)
    talk.sends(channel, `'; echo x > /tmp/${round}\ncat >> y << EOF << FOE\n`);
  const { told } = await filesOf(t, talk);
  assert.ok(told.length > 0 && told.length <= 400);
  assert.ok(process.memoryUsage.rss() - before < 300_000_000);
  assert.ok(performance.now() - began < 30_000);
});

test("a session without files leaves no folder; a folder that is there is not touched", async (t) => {
  const folder = join(ownFolder(t), "none");
  const session = await recorded(t, conversation().whole());
  await assert.rejects(exported({ session, format: "files", output: folder }), /No file was transferred/);
  assert.ok(!existsSync(folder));
  mkdirSync(folder);
  writeFileSync(join(folder, "mine"), "");
  await assert.rejects(exported({ session, format: "files", output: folder }), /is there already/);
  assert.deepEqual(readdirSync(folder), ["mine"]);
});
