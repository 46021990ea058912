/** An address of the Internet that is in truth a namespace of this machine, with a web server in it. It must be opened as root. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, run } from "../harness.ts";

/** Of a documentation network; the route to this one address goes to the namespace. */
const ADDRESS = "203.0.113.80";
const [NEAR, FAR] = ["169.254.77.1", "169.254.77.2"] as const;

export class Internet implements AsyncDisposable {
  readonly #undo: AsyncDisposableStack;

  private constructor(undo: AsyncDisposableStack) {
    this.#undo = undo;
  }

  /** @param files by their names. */
  static async open(files: Readonly<Record<string, string>>): Promise<Internet> {
    await using undo = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "mitsubako-internet-"));
    undo.defer(() => rm(folder, { recursive: true, force: true }));
    for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
    const name = await layRoad(undo);
    const serve = ["python3", "-m", "http.server", "80", "--directory", folder];
    const server = spawn("ip", ["netns", "exec", name, ...serve], { stdio: "ignore" });
    const ended = once(server, "exit");
    undo.defer(async () => {
      server.kill("SIGKILL");
      await ended;
    });
    const internet = new Internet(undo);
    const [first = ""] = Object.keys(files);
    await eventually("the web server answers", () =>
      fetch(internet.url(first)).then(
        ({ ok }) => ok || undefined,
        () => undefined,
      ),
    );
    return new Internet(undo.move());
  }

  url(file: string): string {
    return `http://${ADDRESS}/${file}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync();
  }
}

/** A namespace with the address, and the way there. Gives its name. */
async function layRoad(undo: AsyncDisposableStack): Promise<string> {
  const name = `mbkt${randomBytes(3).toString("hex")}`;
  await ip(`netns add ${name}`);
  undo.defer(() => ip(`netns del ${name}`));
  await ip(`link add ${name} type veth peer name eth0 netns ${name}`);
  undo.defer(() => ip(`link del ${name}`));
  for (const step of [
    `addr add ${NEAR}/30 dev ${name}`,
    `link set ${name} up`,
    `-n ${name} link set lo up`,
    `-n ${name} addr add ${ADDRESS}/32 dev lo`,
    `-n ${name} addr add ${FAR}/30 dev eth0`,
    `-n ${name} link set eth0 up`,
    `-n ${name} route add default via ${NEAR}`,
    `route add ${ADDRESS}/32 via ${FAR} dev ${name}`,
  ])
    await ip(step);
  return name;
}

async function ip(words: string): Promise<void> {
  const { code, stderr } = await run("ip", words.split(" "));
  if (code !== 0) throw new Error(`ip ${words}: ${stderr.toString()}`);
}
