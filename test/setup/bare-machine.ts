import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** In namespaces of its own, mounts end with the last process and cannot be met by the removal of the folder. */
const APART = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];

/** $1: the root, $2: the checkout, $3: what to run in it, $4: a folder to lay a full disk over, or nothing. /run is the machine's, so it is fresh after each "boot". */
const ENTER = `
set -e
mkdir -p "$1/srv/mitsubako"
mount --bind "$2" "$1/srv/mitsubako"
mount -t proc proc "$1/proc"
mount -t sysfs sysfs "$1/sys"
mount --rbind /sys/fs/cgroup "$1/sys/fs/cgroup"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/run"
[ -z "$4" ] || mount -t tmpfs -o size=20m tmpfs "$1$4"
cp /etc/resolv.conf "$1/etc/resolv.conf"
exec chroot "$1" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin HOME=/root \\
  sh -c 'cd /srv/mitsubako; eval "$1"' sh "$3"
`;

export interface Ended {
  readonly code: number;
  readonly output: string;
}

/**
 * Debian 12 with nothing but its essential packages, apt and certificates (and so less than any installer leaves), below a folder; the checkout lies in
 * /srv/mitsubako. Its processes are this kernel's, but not its network, unless asked for.
 */
export class BareMachine implements AsyncDisposable {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** About 12 s with a near archive on an idle machine. */
  static async make(): Promise<BareMachine> {
    const root = await mkdtemp("/var/tmp/mitsubako-bare-");
    const source = `deb [signed-by=${KEYRING}] ${process.env["MITSUBAKO_DEBIAN_MIRROR"] ?? "http://deb.debian.org/debian"} bookworm main`;
    const made = await ended("unshare", [
      ...[
        ...APART,
        "--mount-proc",
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=apt",
        "--format=directory",
      ],
      ...["--dpkgopt=force-unsafe-io", "--include=ca-certificates", "bookworm", join(root, "disk"), source],
    ]);
    if (made.code === 0) return new BareMachine(join(root, "disk"));
    await rm(root, { recursive: true, force: true });
    throw new Error(`mmdebstrap failed: ${made.output}`);
  }

  /** Runs a shell command as root in the checkout. `network`: this machine's (for the archive), or an empty one. `full`: a folder whose disk is full. */
  run(command: string, network: "shared" | "none", full = ""): Promise<Ended> {
    const apart = network === "none" ? [...APART, "--net"] : APART;
    const up = network === "none" ? `ip link set lo up 2>/dev/null; ${ENTER}` : ENTER;
    return ended("unshare", [...apart, "sh", "-c", up, "sh", this.#root, CHECKOUT, command, full]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(join(this.#root, ".."), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

function ended(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { encoding: "utf8", timeout: 300_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
    });
  });
}
