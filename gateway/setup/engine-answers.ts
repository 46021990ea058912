/** Exit code 0 when a Docker Engine answers on the Unix socket named by the first argument, 1 when none does. */
import { request } from "node:http";

const socketPath = process.argv[2] ?? "/var/run/docker.sock";
process.exitCode = 1;
const asked = request({ socketPath, path: "/_ping", timeout: 3000 }, (answer) => {
  answer.resume();
  if (answer.statusCode === 200 && answer.headers["api-version"] !== undefined) process.exitCode = 0;
});
asked.on("timeout", () => asked.destroy());
asked.on("error", () => undefined);
asked.end();
