import { MitsubakoError } from "../../model/errors.ts";
import type { Engine } from "../docker.ts";
import { parseClientLog, type Learned } from "./learned.ts";

/**
 * Inside a container without a network: sshd's identification, then the image's own client meets sshd over a pipe
 * (`sshd -i`), asks with the method `none` and prints what it was told. Stock configuration, throw-away host keys.
 */
const MEET_SSHD = `
mkdir -p /run/sshd
ssh-keygen -A >/dev/null 2>&1
/usr/sbin/sshd -i </dev/null 2>/dev/null | head -n 1
exec ssh -vv -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
  -o PreferredAuthentications=none -o ProxyCommand='/usr/sbin/sshd -i' probe@localhost true 2>&1
`;

/**
 * Starts the image's sshd once and reads what it says of itself.
 * @throws MitsubakoError `image-build-failed` when it says nothing that can be read; as `Engine.call` otherwise.
 */
export async function learn(engine: Engine, image: string, signal?: AbortSignal): Promise<Learned> {
  const container = await engine.call(
    "create a container of the new image",
    (docker) =>
      docker.createContainer({
        Image: image,
        Entrypoint: ["/bin/sh", "-c", MEET_SSHD],
        Labels: { mitsubako: "1", "mitsubako.purpose": "learn" },
        // The log is read back, whatever driver the engine prefers.
        HostConfig: { NetworkMode: "none", LogConfig: { Type: "json-file", Config: {} } },
      }),
    { signal },
  );
  try {
    await engine.call("start a container of the new image", () => container.start(), { signal });
    await engine.call("wait for a container of the new image", () => container.wait(), { signal });
    const log = await engine.call("tell a container's log", () =>
      container.logs({ follow: false, stdout: true, stderr: true }),
    );
    const text = withoutFrames(log).toString("utf8");
    const learned = parseClientLog(text);
    if (learned !== undefined) return learned;
    throw new MitsubakoError("image-build-failed", "The new image's sshd does not answer as it should.", {
      remedy: "Build it again; if that does not help, look at sandbox-image/ for what was changed.",
      cause: new Error(text.slice(-2000)),
    });
  } finally {
    await engine.call("remove a container", () => container.remove({ force: true, v: true }));
  }
}

/** The engine's stream format: frames of one byte for the stream, three of zero, four of length (big-endian). */
function withoutFrames(log: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= log.length;) {
    const end = at + 8 + log.readUInt32BE(at + 4);
    parts.push(log.subarray(at + 8, end));
    at = end;
  }
  return Buffer.concat(parts);
}
