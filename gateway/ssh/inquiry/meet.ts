import type { Socket } from "node:net";
import type { Extension, ShownHostKey } from "../../model/learned.ts";
import { connectTransport } from "../transport/connect.ts";
import type { Connection } from "../transport/connection.ts";
import type { KexInit } from "../transport/kexinit.ts";
import { HOST_KEY_ALGORITHMS, shownHostKey } from "./host-keys.ts";

/** What a server is told who asks; an ordinary client of the day, which gets no special treatment. */
const IDENTIFICATION = "SSH-2.0-OpenSSH_10.0";

export interface As {
  /** Without CR LF. */
  readonly identification?: string;
  /** The only one to offer. */
  readonly hostKeyAlgorithm?: string;
  /** As soon as it is heard, whatever comes of the rest. */
  readonly onOffer?: (offer: KexInit) => void;
}

export interface Met {
  readonly transport: Connection;
  readonly offer: KexInit;
  readonly hostKey: ShownHostKey;
  /** Complete when the first answer to anything has come. */
  readonly extensions: readonly Extension[];
}

/**
 * A whole first key exchange with a server, whoever it is.
 *
 * @throws TransportFailed
 */
export async function meet(
  socket: Socket,
  signal: AbortSignal,
  { identification = IDENTIFICATION, hostKeyAlgorithm, onOffer }: As = {},
): Promise<Met> {
  const ended = () => socket.destroy();
  signal.addEventListener("abort", ended, { once: true });
  socket.once("close", () => {
    signal.removeEventListener("abort", ended);
  });
  let offer: KexInit | undefined;
  let blob: Buffer | undefined;
  const extensions: Extension[] = [];
  const algorithms = HOST_KEY_ALGORITHMS.map(([name]) => name);
  const transport = await connectTransport(socket, {
    identification,
    hostKeys: "any",
    offer: { hostKey: hostKeyAlgorithm === undefined ? algorithms : [hostKeyAlgorithm] },
    signal,
    observer: {
      offer: (said) => {
        offer = said;
        onOffer?.(said);
      },
      hostKey: (shown) => (blob = shown),
      // A server may send it once more after the login; what it says first counts.
      extensions: (said) => {
        if (extensions.length === 0) extensions.push(...said);
      },
    },
  });
  if (!offer || !blob) throw new Error("a key exchange without an offer or a host key");
  return { transport, offer, hostKey: shownHostKey(transport.agreed.hostKey, blob), extensions };
}
