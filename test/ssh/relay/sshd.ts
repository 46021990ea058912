/** A real sshd of this machine on a port of loopback, with keys and configuration of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import type { KeyObject } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../free-port.ts";
import type { HostKeyFile } from "../../../gateway/model/persona.ts";
import { hostKeyBlob } from "../../../gateway/ssh/userauth/host-key.ts";
import { makeKey, privateKeyOf } from "./key-files.ts";

const SSHD = "/usr/sbin/sshd";

export interface Sshd extends AsyncDisposable {
  readonly port: number;
  /** Folder of its keys, removed in the end. */
  readonly folder: string;
  readonly hostKeys: readonly HostKeyFile[];
  readonly user: string;
  /** The key that logs `user` in: a path for clients, and both halves for us. */
  readonly identity: {
    readonly path: string;
    readonly privateKey: KeyObject;
    readonly publicKeyBlob: Buffer;
  };
  readonly process: ChildProcess;
  log(): string;
}

/** `lines` go before our own in its sshd_config. */
export async function startSshd(...lines: readonly string[]): Promise<Sshd> {
  if (!existsSync(SSHD)) throw new Error(`this test needs ${SSHD}: apt-get install openssh-server`);
  if (process.getuid?.() !== 0) throw new Error("this test starts an sshd, which needs root: sudo npm test");
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 }); // What its init script does.
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-sshd-"));
  const hostKeys = (["ed25519", "ecdsa", "rsa"] as const).map((kind) =>
    makeKey(folder, `host_${kind}`, kind),
  );
  const identity = makeKey(folder, "identity", "ed25519");
  writeFileSync(join(folder, "authorized_keys"), identity.publicKey, { mode: 0o600 });
  const port = await freePort();
  const configuration = [
    ...lines, // The first value of an option counts.
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    ...hostKeys.map(({ path }) => `HostKey ${path}`),
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "StrictModes no",
    "UsePAM no",
    "PermitRootLogin yes",
    "PidFile none",
    "X11Forwarding yes",
    "GatewayPorts clientspecified",
    // Of this one the last value counts.
    ...(lines.some((line) => line.startsWith("MaxStartups ")) ? [] : ["MaxStartups 200:30:300"]),
    "Subsystem sftp /usr/lib/openssh/sftp-server",
  ];
  writeFileSync(join(folder, "sshd_config"), configuration.join("\n") + "\n");
  // It does not outlive a test run that is killed.
  const command = [SSHD, "-D", "-e", "-f", join(folder, "sshd_config")];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...command], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const sshd: Sshd = {
    port,
    folder,
    hostKeys,
    user: userInfo().username,
    identity: {
      path: identity.path,
      privateKey: privateKeyOf(identity),
      publicKeyBlob: hostKeyBlob(identity),
    },
    process: child,
    log: () => log,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, "exit");
        child.kill("SIGKILL");
        await exit;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await listening(port, () => log);
  return sshd;
}

async function listening(port: number, log: () => string): Promise<void> {
  // A busy machine takes seconds to start it.
  for (let round = 0; round < 600; round++) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch {
      await sleep(50);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`sshd does not listen: ${log()}`);
}
