import type { TarFile } from "../tar.ts";
import type { Line } from "./auth-log.ts";
import type { Dice } from "./dice.ts";
import { journalFile, type JournalEntry } from "./journal-file.ts";
import { pidAfter } from "./pids.ts";
import type { Moment } from "./timeline.ts";

export interface JournalInput {
  readonly dice: Dice;
  readonly hostname: string;
  /** 32 hexadecimal digits, both. */
  readonly machineId: string;
  readonly bootId: string;
  readonly booted: Moment;
  /** Of systemd-journal, who may read it. */
  readonly group: number;
}

/** As much as journald keeps by the image's configuration, about; the newest. */
const MOST_ENTRIES = 1200;

interface Writer {
  readonly unit: string;
  readonly exe: string;
  readonly comm?: string;
  readonly facility: number;
}

/** Who writes under which name. */
const WRITERS: Readonly<Record<string, Writer>> = {
  sshd: { unit: "ssh.service", exe: "/usr/sbin/sshd", facility: 4 },
  sudo: { unit: "ssh.service", exe: "/usr/bin/sudo", facility: 10 },
  CRON: { unit: "cron.service", exe: "/usr/sbin/cron", comm: "cron", facility: 9 },
  systemd: { unit: "init.scope", exe: "/usr/lib/systemd/systemd", facility: 3 },
};

/** The journal since the machine's last start, as journald keeps it in memory: it goes on in a file of its own. */
export function journalOf(input: JournalInput, lines: readonly Line[]): TarFile[] {
  const { machineId, bootId, booted, group, dice } = input;
  const theirs = lines.filter(({ at }) => at >= booted).slice(-MOST_ENTRIES);
  const [first, last] = [theirs.at(0), theirs.at(-1)];
  if (!first || !last) return [];
  const entries = theirs.map((line) => entryOf(input, line));
  const seqnum = dice.bytes(16);
  const content = journalFile(entries, {
    file: dice.bytes(16),
    machine: Buffer.from(machineId, "hex"),
    boot: Buffer.from(bootId, "hex"),
    seqnum,
  });
  const hex = (value: number) => value.toString(16).padStart(16, "0");
  const folder = `run/log/journal/${machineId}`;
  const owner = { uid: 0, gid: group, modifiedAt: new Date(last.at) };
  return [
    { path: "run/log", mode: 0o755, uid: 0, gid: 0, modifiedAt: new Date(booted) },
    { path: "run/log/journal", mode: 0o2755, ...owner, modifiedAt: new Date(booted) },
    { path: folder, mode: 0o2750, ...owner },
    {
      path: `${folder}/system@${seqnum.toString("hex")}-${hex(1)}-${hex(first.at * 1000)}.journal`,
      content,
      mode: 0o640,
      ...owner,
    },
  ];
}

function entryOf({ hostname, machineId, bootId, booted }: JournalInput, { at, text }: Line): JournalEntry {
  const [, name = "", said, message = ""] = /^(\w+)(?:\[(\d+)\])?: (.*)$/s.exec(text) ?? [];
  // sudo does not say its number to rsyslog, but journald knows it: a few behind its login's.
  const pid = said ?? String(pidAfter(booted, at) + 3);
  const { unit, exe, comm, facility } = WRITERS[name] ?? { unit: "init.scope", exe: name, facility: 3 };
  const about = name === "systemd" ? /^(?:\w+ )?([\w.@-]+\.service)\b/.exec(message)?.[1] : undefined;
  const slice = unit === "init.scope" ? "" : "/system.slice";
  return {
    // The last three digits are of no moment, but never zero.
    realtime: at * 1000 + ((at * 7919) % 1000),
    monotonic: (at - booted) * 1000 + ((at * 7919) % 1000),
    fields: [
      `PRIORITY=${message.includes("authentication failure") ? 5 : 6}`,
      `SYSLOG_FACILITY=${facility}`,
      `SYSLOG_IDENTIFIER=${name}`,
      ...(said === undefined || name === "systemd" ? [] : [`SYSLOG_PID=${pid}`]),
      `MESSAGE=${message}`,
      ...(about === undefined ? [] : [`UNIT=${about}`]),
      `_TRANSPORT=${name === "systemd" ? "journal" : "syslog"}`,
      `_PID=${pid}`,
      "_UID=0",
      "_GID=0",
      `_COMM=${comm ?? name}`,
      `_EXE=${exe}`,
      `_SYSTEMD_CGROUP=${slice}/${unit}`,
      `_SYSTEMD_UNIT=${unit}`,
      ...(slice === "" ? [] : ["_SYSTEMD_SLICE=system.slice"]),
      `_BOOT_ID=${bootId}`,
      `_MACHINE_ID=${machineId}`,
      `_HOSTNAME=${hostname}`,
    ],
  };
}
