import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statfsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { childUids, SLOTS } from "../../gateway/model/slot.ts";
import { buildFileWitness } from "../../gateway/warden/file-witness-program.ts";
import { caught, liveShortly } from "./short-lives.ts";
import { openRoom, watch, WITNESS_UID, type SandboxRoom, type Told } from "./sandbox-room.ts";

/** How a path was told last, and the contents that were told of it, in order. */
function of(told: readonly Told[], path: string) {
  const here = told.filter((one) => one.path === path);
  const contents = here.flatMap(({ content }) => (typeof content === "string" ? [] : [content.toString()]));
  return [here.at(-1)?.how, ...contents];
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3000 && !what(); tries++) await sleep(10);
  assert.ok(what(), "it did not come about");
}

test("what is run is told at once, what is deleted with its content, what stays is left to the capture", async () => {
  await using room = await openRoom();
  await using watched = await watch(room);
  await room.run(`
    printf '#!/bin/true\\nrun' > run; chmod +x run; ./run
    cp run both; ./both; rm both
    echo deleted > deleted; rm deleted
    echo moved > before; mv before after; rm after
    echo linked > one; ln one other; rm one; echo more >> other; rm other
    cat > script <<END
echo from a here-document
END
    sh script; rm script
    exec 5> unlinked; rm unlinked; echo late >&5; exec 5>&-
    echo memory > /dev/shm/memory; rm /dev/shm/memory
    echo first > replaced; echo second > new; mv new replaced
    : > empty; rm empty
    mkfifo pipe; (cat pipe & echo through > pipe; wait); rm pipe
    echo stays > stays; cp /bin/true program`);
  const told = await watched.stop();
  assert.deepEqual(of(told, "/room/run"), ["run", "#!/bin/true\nrun"]);
  assert.deepEqual(of(told, "/room/both"), ["run-and-deleted", "#!/bin/true\nrun"]);
  assert.deepEqual(of(told, "/room/deleted"), ["deleted", "deleted\n"]);
  assert.deepEqual(of(told, "/room/after"), ["deleted", "moved\n"]);
  assert.deepEqual(of(told, "/room/other"), ["deleted", "linked\nmore\n"]);
  // Whether it was run is known to who knows the arguments of the process that read it.
  assert.deepEqual(
    told.filter(({ path }) => path === "/room/script").map(({ how, content }) => [how, content.toString()]),
    [
      ["read", "echo from a here-document\n"],
      ["deleted", "echo from a here-document\n"],
    ],
  );
  assert.deepEqual(of(told, "/room/unlinked"), ["deleted", "late\n"]);
  assert.deepEqual(of(told, "/dev/shm/memory"), ["deleted", "memory\n"]);
  assert.deepEqual(of(told, "/room/replaced"), ["deleted", "first\n"]);
  assert.equal(
    new Set(told.map(({ path }) => path)).size,
    9,
    "nothing else, none of the image's programs either",
  );
  assert.equal(new Set(told.filter(({ path }) => path === "/room/both").map((one) => one.number)).size, 1);
});

test("asked, it answers when all that was done before is told, and not when it is dead", async () => {
  await using room = await openRoom();
  await using watched = await watch(room);
  for (let times = 1; times <= 5; times++) {
    await room.run(`for n in 1 2 3 4; do echo $n > x; rm x; done; echo ${times} > y; sh y; rm y`);
    assert.equal(await watched.witness.settle(), true);
    assert.deepEqual(
      watched.told.map(({ how, path }) => `${how} ${path}`).sort(),
      [...Array.from({ length: 4 }, () => "deleted /room/x"), "deleted /room/y", "read /room/y"],
    );
    watched.told.length = 0;
  }
  assert.ok(watched.witness.pid !== undefined);
  process.kill(watched.witness.pid, "SIGSTOP");
  const asked = watched.witness.settle();
  process.kill(watched.witness.pid, "SIGKILL");
  assert.equal(await asked, false);
});

test("what account tools and the greeting leave behind is told only where it is anybody else's", async () => {
  await using room = await openRoom();
  await using watched = await watch(room);
  await room.run(`
    useradd -m eve; echo eve:x | chpasswd; usermod -c y eve; userdel eve
    echo same > /run/motd.dynamic; echo same > /run/new; mv /run/new /run/motd.dynamic
    echo other > /run/new; mv /run/new /run/motd.dynamic; rm /run/motd.dynamic
    for name in passwd.77 passwd+ shadow.lock; do echo brought > /etc/$name; rm /etc/$name; done`);
  const deleted = (await watched.stop()).map(({ path, content }) => `${path} ${content.toString().trim()}`);
  assert.deepEqual(deleted.sort(), [
    "/etc/passwd+ brought",
    "/etc/passwd.77 brought",
    "/etc/shadow.lock brought",
    "/run/motd.dynamic other",
    "/run/motd.dynamic same",
  ]);
});

test("one that is run again with another content is told again", async () => {
  await using room = await openRoom();
  await using watched = await watch(room);
  for (const [times, content] of ["1", "22", "333"].entries()) {
    await room.run(`printf '#!/bin/true\\n${content}' > x; chmod +x x; ./x; ./x`);
    await until(() => watched.told.length === times + 1);
  }
  await room.run(`printf '#!/bin/true\\n4444' > x; rm x`);
  const contents = (await watched.stop()).map(({ how, content }) => [how, content.toString()]);
  assert.deepEqual(contents, [
    ["run", "#!/bin/true\n1"],
    ["run", "#!/bin/true\n22"],
    ["run", "#!/bin/true\n333"],
    ["run-and-deleted", "#!/bin/true\n4444"],
  ]);
});

test("a content that takes another's place with the same size and times is not taken for it", async () => {
  await using room = await openRoom();
  await using watched = await watch(room);
  await room.run("printf '#!/bin/true\\n1' > x; chmod +x x; ./x");
  await until(() => watched.told.length === 1);
  await room.run("cp -p x like; printf '#!/bin/true\\n2' > x; touch -r like x; rm x");
  assert.deepEqual(of(await watched.stop(), "/room/x"), [
    "run-and-deleted",
    "#!/bin/true\n1",
    "#!/bin/true\n2",
  ]);
});

test("hostile names arrive byte for byte, and a path that is too long to be said as none", async () => {
  await using room = await openRoom();
  await using watched = await watch(room);
  await room.run(String.raw`perl -e '
    for my $name ("line\nbreak", "esc\e[2J", "x" x 255, "\xff\xfe", "a (deleted)", "-rf", "quote\x27\"") {
      open my $file, ">", $name or die; print $file "content"; close $file; unlink $name or die;
    }
    for (1..20) { mkdir "d" x 255; chdir "d" x 255 or die }
    open my $file, ">", "deep" or die; print $file "deep"; close $file; unlink "deep" or die;'`);
  const paths = (await watched.stop()).map(({ path }) => path);
  const names = ["line\nbreak", "esc\x1b[2J", "x".repeat(255), "\xff\xfe", "a (deleted)", "-rf", "quote'\""];
  assert.deepEqual([...paths].sort(), [...names.map((name) => `/room/${name}`), ""].sort());
});

test("bounds: what is too large, what is over the total, and ten thousand files in a loop", async () => {
  await using room = await openRoom();
  await using watched = await watch(room, { largest: 1000, total: 2500 });
  await room.run(`
    truncate -s 1G sparse; echo >> sparse; rm sparse
    for n in 1 2 3; do head -c 900 /dev/zero > part$n; rm part$n; done`);
  await until(() => watched.told.length === 4);
  const contents = watched.told.map(({ content }) =>
    typeof content === "string" ? content : content.length,
  );
  assert.deepEqual(contents.sort(), [900, 900, "too-large", "total-reached"]);
  const files = 10_000;
  await room.run(`perl -e 'for (1..${files}) { open my $f, ">", "f"; print $f $_; close $f; unlink "f" }'`);
  const told = await watched.stop();
  assert.ok(told.length >= 1000, `${told.length} are told at once`);
  assert.ok(told.length + watched.skipped() <= files + 4);
  assert.ok(
    told.length + watched.skipped() >= files * 0.99 || watched.overflows() > 0,
    "what is missing is counted",
  );
});

test("all of 200 files that live 20 ms are caught, run and deleted, with their contents", async () => {
  await using room = await openRoom();
  await using watched = await watch(room);
  const lives = { files: 200, lifetime: 20 };
  await liveShortly(room, lives);
  assert.equal(caught(await watched.stop(), lives), lives.files);
});

test("inside nothing shows it: links, open files, processes, times of access, and room on the disk", async () => {
  await using room = await openRoom();
  const look = `
    head -c 20M /dev/zero > big; echo kept > kept; touch -d 2001-01-01 kept; cp /bin/true run
    ./run; rm run; stat -c '%h %X' kept; perl -e 'print scalar(@{[glob "/proc/[0-9]*"]}), grep { m{^/room/} } map { readlink } glob "/proc/[0-9]*/fd/*"'
    sync; rm big`;
  const before = free(room);
  const alone = await room.run(look);
  await using watched = await watch(room);
  assert.equal(await room.run(look), alone);
  await until(() => free(room) >= before - 2 ** 20);
  const paths = (await watched.stop()).map(({ path }) => path);
  assert.deepEqual([...new Set(paths)].sort(), ["/room/big", "/room/run"]);
});

function free({ folder }: SandboxRoom): number {
  const { bfree, bsize } = statfsSync(folder);
  return bfree * bsize;
}

test("it has no right and holds nothing but what it needs; its end lets go of everything", async () => {
  await using room = await openRoom();
  await using watched = await watch(room);
  await room.run("for n in 1 2 3; do echo > held$n; done; sleep 0.1");
  const { pid } = watched.witness;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  for (const line of [
    /^Uid:\t1900001018\t1900001018\t/m,
    /^Groups:\t *$/m,
    /^NoNewPrivs:\t1$/m,
    /^Seccomp:\t2$/m,
  ])
    assert.match(status, line);
  for (const set of ["Inh", "Prm", "Eff", "Amb"]) assert.match(status, new RegExp(`^Cap${set}:\\t0+$`, "m"));
  const descriptors = () => readdirSync(`/proc/${pid}/fd`).length;
  // The three standard ones and three groups.
  await until(() => descriptors() === 9);
  await room.run("rm held*");
  await until(() => descriptors() === 6);
  await watched.stop();
  assert.equal(watched.witness.pid, undefined);
});

test("killed, it is started again and goes on; no content that was cut off counts", async () => {
  await using room = await openRoom();
  await using watched = await watch(room);
  await room.run("echo before > before; rm before");
  await until(() => watched.told.length === 1);
  const { pid } = watched.witness;
  assert.ok(pid !== undefined);
  process.kill(pid, "SIGKILL");
  await until(() => watched.witness.pid !== undefined && watched.witness.pid !== pid);
  await room.run("echo after > after; rm after");
  const told = await watched.stop();
  assert.deepEqual(
    told.map(({ path, content }) => [path, content.toString()]),
    [
      ["/room/before", "before\n"],
      ["/room/after", "after\n"],
    ],
  );
  assert.match(watched.log(), /died; starting it again/);
});

test("as many as there are sandboxes, where more than one user's share of the kernel's groups pays for them", async () => {
  await using room = await openRoom();
  await using stack = new AsyncDisposableStack();
  const payers = childUids(SLOTS - 1);
  const most = Number(readFileSync("/proc/sys/fs/fanotify/max_user_groups", "latin1"));
  // Three groups each.
  for (let count = 0; count < Math.floor(most / 3); count++)
    stack.use(await watch(room, { payer: payers[0] ?? 0 }));
  await assert.rejects(watch(room, { payer: payers[0] ?? 0 }), /fanotify_init/);
  stack.use(await watch(room, { payer: payers[1] ?? 0 }));
});

test("it dies with whoever started it", async (t) => {
  await using room = await openRoom();
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-witness-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const program = await buildFileWitness(folder);
  const options = [
    "1000",
    "1000",
    "0",
    String(WITNESS_UID),
    String(WITNESS_UID),
    "-",
    ...room.places.folders,
  ];
  // Its standard input stays open: it does not end by that.
  const starter = spawn("sh", ["-c", '"$@" <&0 & wait', "sh", program, ...options]);
  t.after(() => starter.kill("SIGKILL"));
  await once(starter.stdout, "data");
  const [pid] = readFileSync(`/proc/${starter.pid}/task/${starter.pid}/children`, "utf8").split(" ");
  assert.ok(pid !== undefined && existsSync(`/proc/${pid}/fd`));
  starter.kill("SIGKILL");
  await until(() => !existsSync(`/proc/${pid}/fd`));
});
