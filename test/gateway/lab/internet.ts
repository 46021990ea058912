/** An address of the Internet that is in truth a namespace of this machine, with a web server in it. It must be opened as root. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, run } from "../harness.ts";

/** A documentation network; the route to this one address goes to the namespace. */
const ADDRESS = "203.0.113.80";

export class Internet implements AsyncDisposable {
  readonly #name: string;
  readonly #folder: string;
  readonly #server: ChildProcess;

  private constructor(name: string, folder: string, server: ChildProcess) {
    this.#name = name;
    this.#folder = folder;
    this.#server = server;
  }

  /** @param files by their names. */
  static async open(files: Readonly<Record<string, string>>): Promise<Internet> {
    const name = `mbkt${randomBytes(3).toString("hex")}`;
    const folder = await mkdtemp(join(tmpdir(), "mitsubako-internet-"));
    for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
    const near = "169.254.77.1";
    for (const step of [
      `netns add ${name}`,
      `link add ${name} type veth peer name eth0 netns ${name}`,
      `addr add ${near}/30 dev ${name}`,
      `link set ${name} up`,
      `-n ${name} link set lo up`,
      `-n ${name} addr add ${ADDRESS}/32 dev lo`,
      `-n ${name} addr add 169.254.77.2/30 dev eth0`,
      `-n ${name} link set eth0 up`,
      `-n ${name} route add default via ${near}`,
      `route add ${ADDRESS}/32 via 169.254.77.2 dev ${name}`,
    ]) {
      const { code, stderr } = await run("ip", step.split(" "));
      if (code !== 0) throw new Error(`ip ${step}: ${stderr.toString()}`);
    }
    const server = spawn(
      "ip",
      ["netns", "exec", name, "python3", "-m", "http.server", "80", "--directory", folder],
      { stdio: "ignore" },
    );
    const internet = new Internet(name, folder, server);
    const [first = ""] = Object.keys(files);
    await eventually("the web server answers", () =>
      fetch(internet.url(first)).then(
        ({ ok }) => ok || undefined,
        () => undefined,
      ),
    );
    return internet;
  }

  url(file: string): string {
    return `http://${ADDRESS}/${file}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill("SIGKILL");
    if (this.#server.exitCode === null && this.#server.signalCode === null) await once(this.#server, "exit");
    await run("ip", ["link", "del", this.#name]);
    await run("ip", ["netns", "del", this.#name]);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
