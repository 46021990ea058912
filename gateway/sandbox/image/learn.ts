import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import type Dockerode from "dockerode";
import { MitsubakoError } from "../../model/errors.ts";
import type { Inquire, Learned } from "../../model/learned.ts";
import { EngineRefused, type Engine } from "../docker.ts";
import { runInside } from "../exec.ts";
import { learnedSchema } from "./learned.ts";
import { asSocket } from "./as-socket.ts";

/** For all of its answers: five connections to a stock one, seven at most, one after the other. Milliseconds. */
const WITHIN = 60_000;
const USER = "probe";

/**
 * Asks the image's own sshd what it says of itself, in a container without a network: stock configuration, throw-away host keys, and somebody
 * who may log in. Each connection is an `sshd -i` of its own.
 * @throws MitsubakoError `image-build-failed` when it says nothing that can be read; as `Engine.call` otherwise.
 */
export async function learn(
  engine: Engine,
  image: string,
  inquire: Inquire,
  signal?: AbortSignal,
): Promise<Learned> {
  const password = randomBytes(12).toString("hex");
  const container = await engine.call(
    "create a container of the new image",
    (docker) =>
      docker.createContainer({
        Image: image,
        Entrypoint: ["/bin/sleep", "600"],
        Labels: { mitsubako: "1", "mitsubako.purpose": "learn" },
        // Nothing else would take it away after a kill.
        HostConfig: { NetworkMode: "none", AutoRemove: true },
      }),
    { signal },
  );
  try {
    await engine.call("start a container of the new image", () => container.start(), { signal });
    const prepare = `mkdir -p /run/sshd && ssh-keygen -A && useradd -m ${USER} && echo ${USER}:${password} | chpasswd`;
    await runInside(engine, {
      container: container.id,
      argv: ["/bin/sh", "-c", prepare],
      timeout: WITHIN,
      signal,
    });
    const within = AbortSignal.timeout(WITHIN);
    const learned = await inquire({
      connect: () =>
        engine.call(
          "start sshd in a new image",
          (docker, abortSignal) => startSshd(docker, container, abortSignal),
          { signal },
        ),
      login: { user: USER, password },
      signal: signal ? AbortSignal.any([signal, within]) : within,
    });
    return learnedSchema.parse(learned);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof MitsubakoError && cause.code.startsWith("engine-")) throw cause;
    throw new MitsubakoError("image-build-failed", "The new image's sshd does not answer as it should.", {
      remedy: "Build it again; if that does not help, look at sandbox-image/ for what was changed.",
      cause,
    });
  } finally {
    await engine.call("remove a container", () => container.remove({ force: true, v: true })).catch(isGoing);
  }
}

/** It goes away by itself too. */
function isGoing(error: unknown): void {
  if (!(error instanceof EngineRefused && [404, 409].includes(error.status))) throw error;
}

async function startSshd(
  docker: Dockerode,
  container: Dockerode.Container,
  abortSignal: AbortSignal,
): Promise<Socket> {
  const exec = await container.exec({
    Cmd: ["/usr/sbin/sshd", "-i"],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    abortSignal,
  });
  const input = await exec.start({ hijack: true, stdin: true, abortSignal });
  const output = new PassThrough();
  docker.modem.demuxStream(input, output, new PassThrough().resume());
  input.on("end", () => output.end());
  return asSocket(input, output);
}
