/**
 * MB/s through a server and a client in one process over loopback: both ends' work on one core, so each end alone does about twice this.
 * `node test/ssh/transport/throughput.bench.ts [payload bytes]`
 */
import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { logIn, transportPair } from "./pair.ts";

const SIZE = Number(process.argv[2] ?? 32_768 + 9);
const TOTAL = Math.min(600_000_000, SIZE * 400_000);

async function bulk(from: Transport, to: Transport): Promise<number> {
  const payload = Buffer.alloc(SIZE, 0x5a);
  payload[0] = 94;
  let received = 0;
  const started = performance.now();
  const done = new Promise<void>((resolve) => {
    to.attach({
      payload(bytes) {
        received += bytes.length;
        if (received >= TOTAL) resolve();
      },
    });
  });
  let sent = 0;
  const fill = () => {
    from.cork();
    while (sent < TOTAL) {
      sent += SIZE;
      if (!from.send(payload)) break;
    }
    from.uncork();
  };
  from.attach({ payload: () => undefined, drain: fill });
  fill();
  await done;
  return TOTAL / 1000 / (performance.now() - started);
}

for (const cipher of IMPLEMENTED.cipher) {
  const macs =
    cipher === "aes128-ctr"
      ? IMPLEMENTED.mac
      : cipher.endsWith("ctr")
        ? ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"]
        : ["hmac-sha2-256"];
  for (const mac of macs) {
    await using pair = await transportPair({}, { offer: { cipher: [cipher], mac: [mac] } });
    await logIn(pair);
    const cpu = process.cpuUsage();
    const speed = await bulk(pair.server, pair.client);
    const { user, system } = process.cpuUsage(cpu);
    const name = cipher.endsWith("ctr") ? `${cipher} ${mac}` : cipher;
    const perPacket = ((user + system) / (TOTAL / SIZE)).toFixed(1);
    console.log(
      `${name.padEnd(44)} ${speed.toFixed(0).padStart(5)} MB/s  ${perPacket} µs CPU per packet, both ends`,
    );
  }
}
