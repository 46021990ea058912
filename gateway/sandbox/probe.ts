import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { MitsubakoError } from "../model/errors.ts";

/** Milliseconds between tries. Refused ones leave no trace inside. */
const PACE = 15;
/** Milliseconds that one try may take. */
const TRY = 2000;

/**
 * Waits until an SSH server identifies itself. Measured: 50 ms after the container's start.
 * @throws MitsubakoError `no-sandbox` after `within` milliseconds; the signal's reason.
 */
export async function waitForSsh(
  address: string,
  port: number,
  within: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + within;
  let why = "nothing listens";
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    const outcome = await identifies(address, port);
    if (outcome === true) return;
    why = outcome;
    await sleep(PACE);
  }
  throw new MitsubakoError(
    "no-sandbox",
    `The sandbox's sshd did not come up within ${within / 1000} s: ${why}.`,
  );
}

function identifies(host: string, port: number): Promise<true | string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (outcome: true | string) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(TRY, () => {
      end("no answer");
    });
    let seen = "";
    socket.on("data", (bytes) => {
      seen += bytes.toString("latin1");
      if (/^SSH-2\.0-[^\n]*\n/m.test(seen)) end(true);
      else if (seen.length > 4096) end("what answers is no SSH server");
    });
    socket.on("error", (error) => {
      end(error.message);
    });
    socket.on("close", () => {
      end("it closed at once");
    });
  });
}
