import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { pipeline, type Readable, type Writable } from "node:stream";

/** A socket whose other end is these two streams: for code that wants a connection, of a program that has only its input and output. */
export async function asSocket(input: Writable, output: Readable): Promise<Socket> {
  const name = `\0mitsubako-${randomBytes(12).toString("hex")}`;
  const server = createServer({ allowHalfOpen: true });
  server.listen(name);
  await once(server, "listening");
  const socket = connect(name);
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  // Either's failure is the other's end; who holds the socket hears of it there.
  pipeline(far, input, () => undefined);
  pipeline(output, far, () => undefined);
  return socket;
}
