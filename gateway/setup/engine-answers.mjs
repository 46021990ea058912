/** Exit code 0 when a Docker Engine answers on the Unix socket named by the first argument. Plain JavaScript: it also runs under an older Node. */
import { request } from "node:http";

const asked = request({ socketPath: process.argv[2], path: "/_ping", timeout: 3000 }, (answer) => {
  answer.resume();
  process.exitCode = answer.statusCode === 200 && answer.headers["api-version"] ? 0 : 1;
});
asked.on("timeout", () => asked.destroy());
asked.on("error", () => {
  process.exitCode = 1;
});
asked.end();
