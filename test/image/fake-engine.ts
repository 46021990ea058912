/** An engine that answers as a test says. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { Engine } from "../../gateway/sandbox/docker.ts";

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

export interface FakeEngine extends AsyncDisposable {
  readonly engine: Engine;
}

/** `request`: method and path, as in `DELETE /containers/c`. `upgrade` is given the connection of a program's input and output. */
export async function startFakeEngine(
  answer: (request: string, body: string) => Answer,
  upgrade: (connection: Duplex) => void = () => undefined,
): Promise<FakeEngine> {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-engine-"));
  const taken = new Set<Duplex>();
  const said = ({ method, url }: IncomingMessage) => `${method} ${String(url).replace(/\?.*/, "")}`;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { status, body: told } = answer(said(request), body);
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(told === undefined ? "" : JSON.stringify(told));
    });
  });
  server.on("upgrade", (_, connection: Duplex) => {
    taken.add(connection);
    connection.on("error", () => undefined);
    upgrade(connection);
  });
  const path = join(folder, "engine");
  server.listen(path);
  await once(server, "listening");
  return {
    engine: new Engine(path),
    async [Symbol.asyncDispose]() {
      for (const connection of taken) connection.destroy();
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true });
    },
  };
}
