/** What an unprivileged process of ours can do, told by itself. Started by confined.ts through spawnConfined. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Server } from "node:net";

export interface ProbeReport {
  readonly status: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
  readonly oom: string;
  readonly environment: readonly string[];
  /** `done`, or the error's code. */
  readonly tries: Readonly<Record<string, string>>;
  readonly root: string;
}

const paths = JSON.parse(process.env["PROBE_PATHS"] ?? "{}") as Record<string, string>;
const path = (name: string) => paths[name] ?? "/nowhere";

process.on("message", (message, handle) => {
  if (message === "listen")
    (handle as Server).on("connection", (socket) => {
      socket.end(`uid ${process.getuid?.() ?? "?"}\n`);
    });
});
process.on("disconnect", () => process.exit(0));
process.send?.(await report());

async function report(): Promise<ProbeReport> {
  const fields = (text: string, separator: RegExp) =>
    Object.fromEntries(text.split("\n").map((line) => line.split(separator, 2) as [string, string]));
  return {
    status: fields(readFileSync("/proc/self/status", "utf8"), /:\s*/),
    limits: fields(readFileSync("/proc/self/limits", "utf8"), / {2,}/),
    oom: readFileSync("/proc/self/oom_score_adj", "utf8").trim(),
    environment: Object.keys(process.env).toSorted(),
    tries: {
      "write into its folder": attempt(() => {
        writeFileSync("/run/mitsubako/live/mine", "x");
      }),
      "read what is read-only to it": attempt(() => readFileSync("/run/mitsubako/notes/note")),
      "write what is read-only to it": attempt(() => {
        writeFileSync("/run/mitsubako/notes/note", "x");
      }),
      "write into the code": attempt(() => {
        writeFileSync("/run/mitsubako/code/x", "x");
      }),
      "write beside it": attempt(() => {
        writeFileSync("/run/mitsubako/x", "x");
      }),
      "write to /tmp": attempt(() => {
        writeFileSync("/tmp/x", "x");
      }),
      "read another front's folder": attempt(() => readFileSync(path("other"))),
      "read /etc/shadow": attempt(() => readFileSync("/etc/shadow")),
      "list /root": attempt(() => readdirSync("/root")),
      "list /home": attempt(() => readdirSync("/home")),
      "connect to the engine's socket": await reach({ path: "/run/docker.sock" }),
      "connect to the engine's socket by its other name": await reach({ path: "/var/run/docker.sock" }),
      "connect to a service on loopback": await reach({ host: "127.0.0.1", port: 2375 }),
      "connect to a sandbox's SSH": await reach({ host: path("sandbox"), port: 22 }),
      "start a program": program("id"),
      "make a user namespace": program("unshare", "--user", "--map-root-user", "id"),
      "open a raw socket": program(
        "python3",
        "-c",
        "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
      ),
      "see the warden": attempt(() => readFileSync(`/proc/${process.ppid}/cmdline`)),
      "signal the warden": attempt(() => process.kill(process.ppid, 0)),
      "trace the warden": program("prlimit", "--pid", String(process.ppid)),
      "mount something": program("mount", "-t", "tmpfs", "none", "/proc"),
      "become root": attempt(() => process.setuid?.(0)),
    },
    root: shownRoot(),
  };
}

/** By a program, as Node's own listing of / is refused even when all below it is allowed. */
function shownRoot(): string {
  try {
    return spawnSync("ls", ["/"], { encoding: "utf8" }).stdout.trim().split("\n").toSorted().join(" ");
  } catch (error) {
    return codeOf(error);
  }
}

function attempt(act: () => unknown): string {
  try {
    act();
    return "done";
  } catch (error) {
    return codeOf(error);
  }
}

function program(command: string, ...args: readonly string[]): string {
  try {
    const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
    if (error) return codeOf(error);
    return status === 0
      ? "done"
      : (/not permitted|denied|must be superuser|No such/.exec(stderr)?.[0] ??
          `exit ${status ?? "?"}: ${stderr}`);
  } catch (error) {
    return codeOf(error);
  }
}

function reach(where: { path: string } | { host: string; port: number }): Promise<string> {
  return new Promise((resolve) => {
    try {
      const socket = connect(where);
      socket.setTimeout(1000, () => {
        resolve("ETIMEDOUT");
        socket.destroy();
      });
      socket.once("connect", () => {
        resolve("done");
        socket.destroy();
      });
      socket.once("error", (error) => {
        resolve(codeOf(error));
      });
    } catch (error) {
      resolve(codeOf(error));
    }
  });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
