import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { pipeline, type Readable, type Writable } from "node:stream";

/** A socket whose other end is these two streams: for code that wants a connection, of a program that has only its input and output. */
export async function asSocket(input: Writable, output: Readable): Promise<Socket> {
  // An error without a listener would end the process, and `pipeline` has none on them yet.
  input.on("error", () => undefined);
  output.on("error", () => undefined);
  const name = `\0mitsubako-${randomBytes(12).toString("hex")}`;
  const word = randomBytes(32);
  const server = createServer({ allowHalfOpen: true });
  server.listen(name);
  await once(server, "listening");
  const socket = connect(name);
  socket.on("error", () => undefined);
  socket.write(word);
  const far = await whoSays(server, word);
  if (input.destroyed || output.destroyed) {
    far.destroy();
    return socket;
  }
  // Either's failure is the other's end; who holds the socket hears of it there.
  pipeline(far, input, () => undefined);
  pipeline(output, far, () => undefined);
  return socket;
}

/** The name is no secret (/proc/net/unix), so another program may connect first. */
function whoSays(server: Server, word: Buffer): Promise<Socket> {
  return new Promise((resolve) => {
    const strangers = new Set<Socket>();
    server.on("connection", (came) => {
      strangers.add(came);
      came.on("error", () => undefined);
      came.on("close", () => strangers.delete(came));
      came.on("readable", function heard() {
        const said = came.read(word.length) as Buffer | null;
        if (said === null) return;
        came.off("readable", heard);
        if (!word.equals(said)) {
          came.destroy();
          return;
        }
        strangers.delete(came);
        server.close();
        for (const stranger of strangers) stranger.destroy();
        resolve(came);
      });
    });
  });
}
