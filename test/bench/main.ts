/**
 * `npm run bench`: what the gateway costs, as ratios against the very sshd behind it, asked without the gateway in
 * the same run. Absolute times are printed too, but only ratios travel between machines.
 *
 * All clients are the system's `ssh` with curve25519 (its first choice, sntrup761, is slower and would blur the
 * comparison), one process for each login, as bots do.
 */
import {
  eventually,
  finishedSessions,
  mitsubako,
  ssh,
  startGateway,
  type Gateway,
  type Who,
} from "../gateway/harness.ts";
import { drain, echoes, KEX, PASSWORD, type Target } from "./clients.ts";
import { median, percentile, show, type Figure } from "./figures.ts";

const LOGINS = 20;
const PARALLEL = 8;
const BULK_BYTES = 400_000_000;
const KEYSTROKES = 300;
const CIPHERS = ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"];
const FROM = "127.0.9.1";
const RETURNING: Who = { user: "root", password: PASSWORD, from: FROM, options: KEX };

await using gateway = await startGateway({
  policy: "sandbox:\n  most: 40\n  spares: 4\n  memory: 512m\n  pids: 512\n",
});
if ((await ssh(gateway, RETURNING, ["true"])).code !== 0)
  throw new Error(`the first login failed\n${gateway.log()}`);
const through: Target = { name: "gateway", host: "127.0.0.1", port: gateway.port, from: FROM };
/** As root on this host may. */
const direct: Target = { name: "sshd", host: await sandboxAddress(gateway), port: 22 };

const figures: Figure[] = [];
await logins();
await parallel();
for (const cipher of CIPHERS) await bulk(cipher);
await keystrokes();
process.stdout.write(show(figures));

async function logins(): Promise<void> {
  const ours: number[] = [];
  const theirs: number[] = [];
  const fresh: number[] = [];
  for (let n = 0; n < LOGINS; n++) {
    theirs.push(await login(direct));
    ours.push(await login(through));
  }
  for (let n = 0; n < LOGINS; n++) {
    // Spares are made beside the logins they serve; a bot's next victim comes later than the next loop.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    fresh.push(await login(through, { ...RETURNING, from: `127.0.10.${n + 1}` }));
  }
  figures.push(
    {
      what: "log in, exec true, close; returning source",
      unit: "s",
      ours: median(ours),
      theirs: median(theirs),
      goal: 1.0,
    },
    {
      what: "the same; new source, warm spare",
      unit: "s",
      ours: median(fresh),
      theirs: median(theirs),
      goal: 1.15,
    },
  );
}

async function parallel(): Promise<void> {
  const rate = async (target: Target) => {
    const began = performance.now();
    let left = LOGINS * 2;
    await Promise.all(
      Array.from({ length: PARALLEL }, async () => {
        while (left-- > 0) await login(target);
      }),
    );
    return (LOGINS * 2) / ((performance.now() - began) / 1000);
  };
  const theirs = await rate(direct);
  const ours = await rate(through);
  figures.push({ what: `the same, ${PARALLEL} at a time`, unit: "/s", ours, theirs, goal: 1.5, more: true });
}

async function bulk(cipher: string): Promise<void> {
  const once = async (target: Target) => {
    const began = performance.now();
    const bytes = await drain(target, ["-c", cipher], `head -c ${BULK_BYTES} /dev/zero`);
    if (bytes !== BULK_BYTES) throw new Error(`${target.name} lost bytes: ${bytes} of ${BULK_BYTES}`);
    return BULK_BYTES / 1e6 / ((performance.now() - began) / 1000);
  };
  const theirs: number[] = [];
  const ours: number[] = [];
  for (let n = 0; n < 3; n++) {
    theirs.push(await once(direct));
    ours.push(await once(through));
  }
  const goal = cipher.startsWith("chacha") ? 1.0 : 0.65;
  figures.push({
    what: `bulk output, ${cipher}`,
    unit: "MB/s",
    ours: median(ours),
    theirs: median(theirs),
    goal,
    more: true,
  });
}

async function keystrokes(): Promise<void> {
  const theirs = await echoes(direct, KEYSTROKES, 5);
  const ours = await echoes(through, KEYSTROKES, 5);
  figures.push(
    { what: "a keystroke's echo, median", unit: "ms", ours: median(ours), theirs: median(theirs) },
    {
      what: "a keystroke's echo, p99",
      unit: "ms",
      ours: percentile(ours, 99),
      theirs: percentile(theirs, 99),
    },
  );
}

async function login(target: Target, who: Who = RETURNING): Promise<number> {
  const began = performance.now();
  const { code, stderr } = await ssh({ ...gateway, port: target.port }, at(target, who), ["true"]);
  if (code !== 0) throw new Error(`${target.name}: ${stderr.toString()}\n${gateway.log().slice(-2000)}`);
  return (performance.now() - began) / 1000;
}

/** `ssh` is always called with 127.0.0.1; HostName leads it elsewhere, and a loopback address cannot be bound for that. */
function at(target: Target, who: Who): Who {
  const { from, options = [], ...rest } = who;
  return target === through
    ? who
    : { ...rest, options: [...options, "-o", `HostName=${target.host}`, ...(from === undefined ? [] : [])] };
}

async function sandboxAddress(from: Gateway): Promise<string> {
  return eventually("a finished session that tells its sandbox's address", async () => {
    for (const folder of await finishedSessions(from)) {
      const shown = await mitsubako(from, "show", "--json", folder.split("/").at(-1) ?? "");
      const address = /"address":\s*"(10\.[0-9.]+)"/.exec(shown.stdout.toString())?.[1];
      if (address) return address;
    }
    return undefined;
  });
}
