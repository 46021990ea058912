import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Logger } from "pino";

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

/** Of a container that runs. */
export interface Named {
  /** The first process's number on the machine. */
  readonly init: number;
  /** The engine's id, 64 hexadecimal characters. */
  readonly container: string;
}

/**
 * Gives the processes of a sandbox control groups of the names that systemd gives them, below the container's own: `/init.scope`,
 * `/system.slice/ssh.service`. /proc/PID/cgroup says `/` for everything otherwise, which is how containers are told; and journald knows by it which
 * unit a line is of. Nothing is limited by these groups: limits stay with the container's own, above them. Only in the unified hierarchy
 * and in systemd's own of version 1. They carry names alone: where they cannot be made, that is said once.
 */
export class ControlGroups {
  readonly #log: Pick<Logger, "warn">;
  readonly #proc: string;
  #isSaid = false;

  /** @param proc where the kernel tells of processes. */
  constructor(log: Pick<Logger, "warn">, proc = "/proc") {
    this.#log = log;
    this.#proc = proc;
  }

  /** The sandbox runs and nobody is in it; about 2 ms. */
  name({ init, container }: Named): void {
    try {
      const cgroup = this.#read(`${init}/cgroup`);
      // It has ended; whoever waits for it is told.
      if (cgroup === "") return;
      const groups = ownGroups(cgroup, this.#read("self/mounts"), container);
      if (groups.length === 0) throw new Error("the container's own are not to be found");
      const units = this.#unitsBelow(init);
      for (const group of groups) for (const [pid, unit] of units) join(group, unit, pid);
    } catch (error) {
      if (this.#isSaid) return;
      this.#isSaid = true;
      this.#log.warn({ err: error }, "sandboxes' control groups have no names as systemd gives them");
    }
  }

  #unitsBelow(init: number): Map<number, string> {
    const units = new Map([[init, "init.scope"]]);
    for (const pid of this.#childrenOf(init)) {
      const unit = UNITS[this.#read(`${pid}/comm`).trimEnd()];
      if (unit === undefined) continue;
      for (const each of [pid, ...this.#childrenOf(pid)]) units.set(each, `system.slice/${unit}`);
    }
    return units;
  }

  #childrenOf(pid: number): number[] {
    return this.#read(`${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  }

  /** Empty when the process is gone. */
  #read(path: string): string {
    try {
      return readFileSync(`${this.#proc}/${path}`, "latin1");
    } catch {
      return "";
    }
  }
}

function join(group: string, unit: string, pid: number): void {
  mkdirSync(`${group}/${unit}`, { recursive: true });
  try {
    writeFileSync(`${group}/${unit}/cgroup.procs`, String(pid));
  } catch (error) {
    // One that has just ended needs none.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * The folders of the container's own groups, as far as they carry names alone. A group that does not have the container's id in its path may be
 * a service's of the machine, and one above our own namespace's root (`/../`) is not below the mount. Pure.
 * @param cgroup as in proc_pid_cgroup(5). @param mounts as in proc_pid_mounts(5).
 */
export function ownGroups(cgroup: string, mounts: string, container: string): string[] {
  const mounted = mounts.split("\n").map((line) => line.split(" "));
  const mountOf = (isIt: (type: string, options: readonly string[]) => boolean) =>
    mounted.find(([, , type = "", options = ""]) => isIt(type, options.split(",")))?.[1];
  return cgroup.split("\n").flatMap((line) => {
    const [, controllers, path = ""] = /^\d+:([^:]*):(\/.+)$/.exec(line) ?? [];
    if (!path.includes(container) || path.split("/").includes("..")) return [];
    const mount =
      controllers === ""
        ? mountOf((type) => type === "cgroup2")
        : controllers === "name=systemd"
          ? mountOf((type, options) => type === "cgroup" && options.includes("name=systemd"))
          : undefined;
    return mount === undefined ? [] : [`${mount}${path}`];
  });
}
