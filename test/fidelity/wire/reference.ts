/** The persona's own sshd, in a container of its image with the gateway's host keys: what it answers is what is right. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import Dockerode from "dockerode";
import { pack } from "tar-stream";
import { imageReference } from "../../../gateway/sandbox/image/names.ts";
import { freePort } from "../../ssh/free-port.ts";
import { Prober } from "./prober.ts";

export interface Account {
  readonly user: string;
  readonly password: string;
}

/** Its sshd would soon shut out who asks what a prober asks. */
const KNOWS_PENALTIES = new Set(["debian-13"]);

export interface Reference extends AsyncDisposable {
  /** Stock configuration, but for a MaxStartups that lets a test have many connections at once, and without PerSourcePenalties. */
  readonly port: number;
  /** Stock configuration. */
  readonly stock: number;
  /** As `port`, with 2 s of LoginGraceTime. */
  readonly hasty: number;
}

/** `changed`: options of sshd_config that are not as stock. It shares the machine's loopback, so that no bridge stands between it and the prober: segments and ends are its own. */
export async function startReference(
  persona: string,
  keysFolder: string,
  accounts: readonly Account[],
  changed: readonly string[] = [],
): Promise<Reference> {
  const [port, stock, hasty] = [await freePort(), await freePort(), await freePort()];
  const listen = (at: number, ...options: readonly string[]) =>
    [
      "/usr/sbin/sshd",
      "-o",
      `ListenAddress=127.0.0.1:${at}`,
      ...[...options, ...changed].flatMap((option) => ["-o", option]),
    ].join(" ");
  const many = [
    "MaxStartups=500:30:1000",
    ...(KNOWS_PENALTIES.has(persona) ? ["PerSourcePenalties=no"] : []),
  ];
  const script = [
    "mkdir -p /run/sshd",
    // Without user namespaces, where the engine has them for others, the image's files belong to another root, and sshd trusts no key in such a folder.
    "chown -R 0:0 /root",
    ...accounts.filter(({ user }) => user !== "root").map(({ user }) => `useradd -m -s /bin/bash ${user}`),
    `printf '%s\\n' ${accounts.map(({ user, password }) => `${user}:${password}`).join(" ")} | chpasswd`,
    listen(stock, `PidFile=none`),
    listen(hasty, ...many, "LoginGraceTime=2", "PidFile=none"),
    // It does not outlive for long a test that is killed.
    `exec timeout 1800 ${listen(port, ...many)} -D`,
  ].join("\n");
  const docker = new Dockerode();
  const container = await docker.createContainer({
    Image: imageReference(persona),
    Labels: { mitsubako: "1", "mitsubako.purpose": "test" },
    Entrypoint: ["/bin/sh", "-ec", script],
    HostConfig: { NetworkMode: "host", UsernsMode: "host" },
  });
  const end = () => container.remove({ force: true, v: true });
  try {
    await container.putArchive(await hostKeys(keysFolder), { path: "/etc/ssh" });
    await container.start();
    for (const each of [port, stock, hasty]) await answers(each);
  } catch (error) {
    const log = await container.logs({ stdout: true, stderr: true }).catch(() => Buffer.alloc(0));
    await end();
    throw new Error(`the reference does not answer: ${log.toString()}`, { cause: error });
  }
  return { port, stock, hasty, [Symbol.asyncDispose]: () => end().then(() => undefined) };
}

async function hostKeys(folder: string): Promise<Buffer> {
  const tar = pack();
  for (const name of await readdir(folder))
    if (name.startsWith("ssh_host_"))
      tar.entry({ name, mode: name.endsWith(".pub") ? 0o644 : 0o600 }, await readFile(join(folder, name)));
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function answers(port: number): Promise<void> {
  for (let round = 0; round < 1200; round++) {
    const prober = new Prober(port, { patience: 100 });
    await prober.until(() => prober.ended || prober.heard.length > 0);
    const [line] = prober.close();
    if (line?.startsWith("line SSH-2.0-") === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens at ${port}`);
}
