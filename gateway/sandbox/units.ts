import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

/** By the program's name in the kernel, which has 15 bytes for it. What is not here is a service of no unit that we know. */
const UNITS: Readonly<Record<string, string>> = {
  sshd: "ssh.service",
  cron: "cron.service",
  nginx: "nginx.service",
  rsyslogd: "rsyslog.service",
  "dbus-daemon": "dbus.service",
  "systemd-journal": "systemd-journald.service",
  "systemd-udevd": "systemd-udevd.service",
  "systemd-logind": "systemd-logind.service",
};

/**
 * Gives the processes of a sandbox control groups of the names that systemd gives them, below the container's own: `/init.scope`,
 * `/system.slice/ssh.service`. /proc/PID/cgroup says `/` for everything otherwise, which is how containers are told; and journald knows by it which
 * unit a line is of. Nothing is limited by these groups: limits stay with the container's own, above them. Only in the unified hierarchy
 * and in systemd's own of version 1. The sandbox runs and nobody is in it; about 2 ms.
 * @param init the first process's number on the machine.
 */
export function nameControlGroups(init: number): void {
  const units = new Map([[init, "init.scope"]]);
  for (const pid of childrenOf(init)) {
    const unit = UNITS[read(`/proc/${pid}/comm`).trimEnd()];
    if (unit === undefined) continue;
    for (const each of [pid, ...childrenOf(pid)]) units.set(each, `system.slice/${unit}`);
  }
  for (const group of groupsOf(init))
    for (const [pid, unit] of units) {
      mkdirSync(`${group}/${unit}`, { recursive: true });
      join(`${group}/${unit}`, pid);
    }
}

function join(group: string, pid: number): void {
  try {
    writeFileSync(`${group}/cgroup.procs`, String(pid));
  } catch (error) {
    // One that has just ended needs none.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The folders of the container's own groups, as far as they carry names alone. */
function groupsOf(init: number): string[] {
  const mounts = read("/proc/self/mounts").split("\n").map((line) => line.split(" ")); // prettier-ignore
  const mountOf = (isIt: (type: string, options: readonly string[]) => boolean) =>
    mounts.find(([, , type = "", options = ""]) => isIt(type, options.split(",")))?.[1];
  return read(`/proc/${init}/cgroup`)
    .split("\n")
    .flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(\/.+)$/.exec(line) ?? [];
      const mount =
        controllers === ""
          ? mountOf((type) => type === "cgroup2")
          : controllers === "name=systemd"
            ? mountOf((type, options) => type === "cgroup" && options.includes("name=systemd"))
            : undefined;
      return mount === undefined || path === undefined ? [] : [`${mount}${path}`];
    });
}

function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

/** Empty when the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
