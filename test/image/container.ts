import { once } from "node:events";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import Dockerode from "dockerode";
import { pack } from "tar-stream";
import { imageReference } from "../../gateway/sandbox/image/names.ts";

const docker = new Dockerode();

/** What a believable root needs (the policy's `capabilities: root`). */
const CAPABILITIES = [
  "SETUID",
  "SETGID",
  "SYS_CHROOT",
  "CHOWN",
  "AUDIT_WRITE",
  "NET_BIND_SERVICE",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "SETFCAP",
];

/** A container of the sandbox image, without a network: everything is asked from within. */
export class ImageContainer implements AsyncDisposable {
  readonly #container: Dockerode.Container;
  /** First line of PID 1's output, and when it came: milliseconds after the engine was asked to start. */
  readonly ready: string;
  readonly readyAfter: number;

  private constructor(container: Dockerode.Container, ready: string, readyAfter: number) {
    this.#container = container;
    this.ready = ready;
    this.readyAfter = readyAfter;
  }

  /** `files`: contents by absolute path, put there before the start, root's, mode 0600. */
  static async start(
    files: Readonly<Record<string, string>> = {},
    persona = "debian-12",
  ): Promise<ImageContainer> {
    const container = await docker.createContainer({
      Image: imageReference(persona),
      Hostname: "srv01",
      Labels: { mitsubako: "1", "mitsubako.purpose": "test" },
      HostConfig: {
        NetworkMode: "none",
        CapDrop: ["ALL"],
        CapAdd: CAPABILITIES,
        Memory: 256 * 1024 * 1024,
        PidsLimit: 256,
      },
    });
    try {
      await container.putArchive(await archive(files), { path: "/" });
      const output = await container.attach({ stream: true, stdout: true, stderr: true });
      const lines = new PassThrough();
      docker.modem.demuxStream(output, lines, lines);
      const first = once(createInterface({ input: lines }), "line", { signal: AbortSignal.timeout(120_000) });
      const began = performance.now();
      await container.start();
      const [ready] = (await first) as [string];
      return new ImageContainer(container, ready, performance.now() - began);
    } catch (error) {
      await container.remove({ force: true });
      throw error;
    }
  }

  /** Standard output and error of a shell command run by root inside, without the last line's end. */
  async run(command: string): Promise<string> {
    const exec = await this.#container.exec({
      Cmd: ["/bin/sh", "-c", command],
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await exec.start({ hijack: true, stdin: false });
    const both = new PassThrough();
    docker.modem.demuxStream(stream, both, both);
    stream.on("end", () => both.end());
    const parts: Buffer[] = [];
    for await (const part of both) parts.push(part as Buffer);
    return Buffer.concat(parts).toString("utf8").trimEnd();
  }

  /** Asks PID 1 from outside to end. Returns its exit code and how long it took, in milliseconds. */
  async stop(): Promise<{ exitCode: number; took: number }> {
    const began = performance.now();
    // 304: it ended by itself already.
    await this.#container.stop({ t: 10 }).catch((error: unknown) => {
      if ((error as { statusCode?: number }).statusCode !== 304) throw error;
    });
    const took = performance.now() - began;
    return { exitCode: (await this.#container.inspect()).State.ExitCode, took };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container.remove({ force: true, v: true });
  }
}

async function archive(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const tar = pack();
  for (const [path, content] of Object.entries(files))
    tar.entry({ name: path.slice(1), mode: 0o600 }, content);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
