/**
 * `npm run bench -- recording`: what recording takes from throughput. Two gateways run at once, asked in turn: this one, and one whose
 * copy of the code drops every payload where this one records it (`recording/tap.ts`); facts are written by both. What reads and seals
 * the recordings afterwards is waited for, so that it is no part of the other's figure; what reads along while they grow is.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordings } from "../../gateway/index/find-recording.ts";
import { isSealed } from "../../gateway/recording/seal-footer.ts";
import { eventually, ssh, startGateway, type Gateway } from "../gateway/harness.ts";
import { drain, echoes, KEX, PASSWORD, type Target } from "./clients.ts";
import { median, show, type Figure } from "./figures.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const ROUNDS = Number(process.env["MITSUBAKO_BENCH_ROUNDS"] ?? 7);
const BULK_BYTES = 200_000_000;
const KEYSTROKES = 1000;
const CIPHERS = ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"];
const POLICY = "sandbox:\n  spares: 0\n  memory: 512m\n";

/** `RecordingTap`, as in recording/tap.ts. */
const NULL_TAP = `export function createTap(recording, ordinalOf) {
  return { packet(from, payload) { ordinalOf(from, payload); }, flush() {} };
}
`;

using copy = copyWithoutRecording();
await using recorded = await startGateway({ policy: POLICY });
await using unrecorded = await startGateway({ policy: POLICY, root: copy.root });
const ours = await target("recorded", recorded, "127.0.9.1");
const theirs = await target("not recorded", unrecorded, "127.0.9.2");
const figures: Figure[] = [];
for (const cipher of CIPHERS)
  figures.push(await compared(`bulk output, ${cipher}`, "MB/s", (where) => bulk(where, cipher)));
figures.push(await compared("keystrokes echoed, one after the other", "/s", keystrokes));
process.stdout.write(show(figures, ["recorded", "not recorded"]));

async function compared(
  what: string,
  unit: string,
  figureOf: (where: Target) => Promise<number>,
): Promise<Figure> {
  const all = new Map<Target, number[]>([
    [ours, []],
    [theirs, []],
  ]);
  for (let round = 0; round < ROUNDS; round++)
    // Whoever is first in one round is second in the next.
    for (const where of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) {
      all.get(where)?.push(await figureOf(where));
      await settled(recorded);
    }
  const [with_, without] = [all.get(ours) ?? [], all.get(theirs) ?? []];
  return { what, unit, ours: median(with_), theirs: median(without), goal: 0.95, more: true };
}

async function bulk(where: Target, cipher: string): Promise<number> {
  const began = performance.now();
  const bytes = await drain(where, ["-c", cipher], `head -c ${BULK_BYTES} /dev/zero`);
  if (bytes !== BULK_BYTES) throw new Error(`${where.name} lost bytes: ${bytes} of ${BULK_BYTES}`);
  return BULK_BYTES / 1e6 / ((performance.now() - began) / 1000);
}

async function keystrokes(where: Target): Promise<number> {
  return 1000 / median(await echoes(where, KEYSTROKES, 0));
}

/** Whom a stranger from that address comes to, once they have a sandbox there. */
async function target(name: string, gateway: Gateway, from: string): Promise<Target> {
  const who = { user: "root", password: PASSWORD, from, options: KEX };
  if ((await ssh(gateway, who, ["true"])).code !== 0) throw new Error(`no login\n${gateway.log()}`);
  return { name, host: "127.0.0.1", port: gateway.port, from };
}

/** All that was recorded is sealed: nothing works on it any more. */
async function settled({ data }: Gateway): Promise<void> {
  const isDone = () =>
    [...recordings(data)].every(({ path, live }) => !live && isSealed(beginning(join(data, path))));
  await eventually("recordings are sealed", () => Promise.resolve(isDone() || undefined), 120_000);
}

function beginning(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(8);
    return bytes.subarray(0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

/** With its own packages, for what is confined sees nothing above its own code; they are links to the same files where that can be. */
function copyWithoutRecording(): Disposable & { readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), "mitsubako-bench-"));
  for (const name of ["gateway", "sandbox-image", "policies", "package.json"])
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  writeFileSync(join(root, "gateway", "recording", "tap.ts"), NULL_TAP);
  const packages = join(ROOT, "node_modules");
  try {
    execFileSync("cp", ["-al", packages, root], { stdio: "ignore" });
  } catch {
    // On another disk.
    execFileSync("cp", ["-a", packages, root]);
  }
  chmodSync(root, 0o755);
  return {
    root,
    [Symbol.dispose]: () => {
      rmSync(root, { recursive: true, force: true });
    },
  };
}
