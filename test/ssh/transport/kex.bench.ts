/**
 * What a server's part in each key exchange takes, without the host key's signature: until it is done, and of that the loop's own processor time, in which
 * nobody else is served. `node test/ssh/transport/kex.bench.ts`
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { payload, string, u32 } from "../../../gateway/ssh/messages/writer.ts";
import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";
import { kexMethod } from "../../../gateway/ssh/transport/kex/methods.ts";
import { packNumbers } from "../../../gateway/ssh/transport/kex/sntrup761-coding.ts";
import { moduliUpTo } from "./choices.ts";

const ROUNDS = 40;
const moduli = moduliUpTo(8192);

async function valueFor(kex: string): Promise<Buffer> {
  const { start } = kexMethod(kex);
  if (start) return (await start()).publicValue;
  const point = generateKeyPairSync("x25519").publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  if (kex.startsWith("mlkem")) {
    const key = generateKeyPairSync("ml-kem-768").publicKey.export({ format: "der", type: "spki" });
    return Buffer.concat([key.subarray(-1184), point]);
  }
  const numbers = Array.from({ length: 761 }, () => randomBytes(2).readUInt16BE() % 4591);
  return Buffer.concat([packNumbers(numbers, 4591), point]);
}

async function measure(name: string, says: readonly Buffer[], kex: string): Promise<void> {
  const [all, loop]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS + 10; round++) {
    const answerer = kexMethod(kex).answer({ moduli, isOver: () => false });
    const [began, used] = [performance.now(), process.threadCpuUsage()];
    for (const bytes of says) await answerer.take(bytes);
    const { user, system } = process.threadCpuUsage(used);
    if (round < 10) continue; // what is compiled then
    all.push(performance.now() - began);
    loop.push((user + system) / 1000);
  }
  const median = all.sort((one, other) => one - other)[all.length >> 1] ?? 0;
  // The clock of a thread is coarse: the mean says more.
  const mean = loop.reduce((sum, used) => sum + used, 0) / loop.length;
  console.log(
    `${name.padEnd(46)} ${median.toFixed(2).padStart(7)} ms  ${mean.toFixed(2).padStart(6)} ms on the loop`,
  );
}

for (const kex of IMPLEMENTED.kex) {
  if (kex !== "diffie-hellman-group-exchange-sha256") {
    await measure(kex, [payload(30, string(await valueFor(kex)))], kex);
    continue;
  }
  for (const bits of [2048, 3072, 4096, 6144, 8192]) {
    const asked = payload(34, u32(bits), u32(bits), u32(bits));
    const number = Buffer.concat([Buffer.of(0x5a), randomBytes(bits / 8 - 2)]);
    await measure(`${kex} ${bits}`, [asked, payload(32, string(number))], kex);
  }
}
