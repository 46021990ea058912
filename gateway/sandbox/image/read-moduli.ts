import type { Modulus } from "../../model/persona.ts";
import { Archive } from "../archive.ts";
import type { Engine } from "../docker.ts";
import { removeLeftovers } from "./leftovers.ts";
import { parseModuli } from "./moduli.ts";

const FILE = "/etc/ssh/moduli";
/** Debian's has 0.6 MB. */
const MOST_BYTES = 4_000_000;

/**
 * What the image's sshd chooses from for group exchange, out of a container that is never started: 0.1 s. Empty where it has no such file; its sshd then
 * has the groups that are built in, and so has whoever plays it.
 * @throws MitsubakoError as `Engine.call`.
 */
export async function readModuli(engine: Engine, image: string): Promise<readonly Modulus[]> {
  await removeLeftovers(engine);
  const container = await engine.call("create a container of the sandbox image", (docker) =>
    docker.createContainer({
      Image: image,
      Entrypoint: ["/bin/true"],
      Labels: { mitsubako: "1", "mitsubako.purpose": "learn" },
      HostConfig: { NetworkMode: "none" },
    }),
  );
  try {
    const found = await new Archive(engine, container.id, { uid: 0, gid: 0 }).read(FILE, MOST_BYTES);
    return found ? parseModuli(found.content.toString("latin1")) : [];
  } finally {
    await engine.call("remove a container", () => container.remove({ force: true, v: true }));
  }
}
