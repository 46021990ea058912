/** Listens on the ports given and tells each visitor its own address, as a sandbox's sshd would see it. */
import { createServer } from "node:net";

const servers = process.argv.slice(2).map((port) => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.end(`${socket.remoteAddress ?? "?"} ${socket.remotePort ?? "?"}\n`);
  });
  return new Promise<void>((resolve) => server.listen(Number(port), "0.0.0.0", resolve));
});
await Promise.all(servers);
console.log("listening");
