/** Bytes through transports, with hashes at both ends. */
import { createHash, randomBytes } from "node:crypto";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";

const POOL = randomBytes(1 << 20);

export interface Received {
  readonly bytes: number;
  readonly hash: string;
}

/** What `total` bytes of payload from one side look like to itself. Half of it compresses well, half not at all. */
function payloads(total: number): Buffer[] {
  const list: Buffer[] = [];
  for (let sent = 0, turn = 0; sent < total; turn++) {
    const size = Math.min(turn % 7 === 0 ? 1 + (turn % 50) : 1 + ((turn * 7919) % 32_768), total - sent);
    const from = (turn * 4099) % (POOL.length - size);
    const body = turn % 2 === 0 ? POOL.subarray(from, from + size) : Buffer.alloc(size, turn);
    list.push(Buffer.concat([Buffer.of(94), body]));
    sent += size;
  }
  return list;
}

/**
 * Sends `total` bytes each way at once and resolves with what each side sent and received. `during` is called for each payload
 * that a side sends or receives, with the share of it that was sent so far.
 */
export async function exchange(
  one: Transport,
  other: Transport,
  total: number,
  during: (share: number, from: Transport) => void = () => undefined,
): Promise<{ readonly sent: Received; readonly received: Received }[]> {
  const results = [one, other].map((from) => flow(from, from === one ? other : one, total, during));
  const drains = new Map(results.map(({ from, fill }) => [from, fill]));
  for (const { to, take } of results) to.attach({ payload: take, drain: () => drains.get(to)?.() });
  for (const { fill } of results) fill();
  return Promise.all(results.map(({ done }) => done));
}

function flow(
  from: Transport,
  to: Transport,
  total: number,
  during: (share: number, from: Transport) => void,
) {
  const list = payloads(total);
  const sentHash = createHash("sha256");
  const gotHash = createHash("sha256");
  let [next, bytes, got, count] = [0, 0, 0, 0];
  const { promise: done, resolve, reject } = Promise.withResolvers<{ sent: Received; received: Received }>();
  const lost = (end: unknown) => {
    reject(new Error(`ended after ${count} of ${list.length} payloads: ${JSON.stringify(end)}`));
  };
  for (const transport of [from, to]) void transport.closed.then(lost);
  return {
    from,
    to,
    done,
    fill: () => {
      from.cork();
      for (let room = true; room && next < list.length; next++) {
        const payload = list[next] ?? Buffer.alloc(0);
        sentHash.update(payload);
        bytes += payload.length;
        room = from.send(payload);
        during((next + 1) / list.length, from);
      }
      from.uncork();
    },
    take: (payload: Buffer) => {
      gotHash.update(payload);
      during(next / list.length, to);
      got += payload.length;
      count++;
      if (count === list.length)
        resolve({
          sent: { bytes, hash: sentHash.digest("hex") },
          received: { bytes: got, hash: gotHash.digest("hex") },
        });
    },
  };
}
