import { once } from "node:events";
import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { CourierConfiguration } from "../model/courier-messages.ts";

/**
 * The connection as the URL wants it: by TLS, with the receiver's certificate verified, or as it is.
 *
 * @throws where the other side is not who the URL says, or the signal's reason; then it is closed.
 */
export async function secured(
  { url, ca }: Pick<CourierConfiguration, "url" | "ca">,
  socket: Socket,
  signal: AbortSignal,
): Promise<Duplex> {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  // One that breaks between two awaits has nobody who hears it.
  socket.on("error", () => undefined);
  if (protocol === "http:") return socket;
  const secure = connectTls({
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    ALPNProtocols: ["http/1.1"],
  });
  secure.on("error", () => undefined);
  try {
    await once(secure, "secureConnect", { signal });
    return secure;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
