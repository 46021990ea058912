import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Dockerode from "dockerode";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** On the base, and so on everything built over it: what is to be removed. */
const LABEL = "mitsubako.purpose=test-gateway-image";
const BASE = "mitsubako-test/base:latest";
const docker = new Dockerode();

/** Builds `Dockerfile.gateway` over a base from the Debian archive, since no image registry need answer. Minutes. */
export class GatewayImage implements AsyncDisposable {
  readonly reference = "mitsubako-test/gateway:latest";

  static async build(): Promise<GatewayImage> {
    const image = new GatewayImage();
    try {
      await importBase();
      const steps = await docker.buildImage(
        {
          context: ROOT,
          src: [
            "Dockerfile.gateway",
            "package.json",
            "package-lock.json",
            "LICENSE",
            "policies",
            "sandbox-image",
            "gateway",
          ],
        },
        { t: image.reference, dockerfile: "Dockerfile.gateway", buildargs: { BASE }, forcerm: true },
      );
      await finished(steps);
      return image;
    } catch (error) {
      await image[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reference of [this.reference, BASE])
      await docker
        .getImage(reference)
        .remove({ force: true })
        .catch((error: unknown) => {
          if ((error as { statusCode?: number }).statusCode !== 404) throw error;
        });
    await docker.pruneImages({ filters: { dangling: ["true"], label: [LABEL] } });
  }
}

/** A small Debian. It takes this machine's certificates along, so that npm's registry can be reached from where this runs. */
async function importBase(): Promise<void> {
  const folder = await mkdtemp("/var/tmp/mitsubako-base-");
  try {
    const tar = join(folder, "base.tar");
    const mirror = process.env["MITSUBAKO_DEBIAN_MIRROR"] ?? "http://deb.debian.org/debian";
    await promisify(execFile)("unshare", [
      ...["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...[
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        "--dpkgopt=force-unsafe-io",
        "--include=ca-certificates",
      ],
      '--customize-hook=mkdir "$1/usr/local/share/machine"',
      "--customize-hook=copy-in /etc/ssl/certs/ca-certificates.crt /usr/local/share/machine",
      ...["bookworm", tar, `deb [signed-by=${KEYRING}] ${mirror} bookworm main`],
    ]);
    await finished(
      await docker.importImage(createReadStream(tar), {
        repo: "mitsubako-test/base",
        tag: "latest",
        changes: `LABEL ${LABEL}\nENV NODE_EXTRA_CA_CERTS=/usr/local/share/machine/ca-certificates.crt`,
      }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function finished(steps: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(steps, (error, said: { error?: string; stream?: string }[]) => {
      const failure = error?.message ?? said.find((step) => step.error !== undefined)?.error;
      if (failure === undefined) resolve();
      else
        reject(
          new Error(
            `${failure}: ${said
              .slice(-30)
              .map((step) => step.stream ?? "")
              .join("")}`,
          ),
        );
    });
  });
}
