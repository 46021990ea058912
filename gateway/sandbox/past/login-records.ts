import { DAY, MINUTE, SECOND, type Moment, type Timeline, type Visit } from "./timeline.ts";

/** utmp(5) as glibc has it on 64-bit PCs. */
const RECORD = 384;
const LASTLOG_RECORD = 292;
const RUN_LEVEL = 1;
const BOOT = 2;
const LOGIN = 6;
const USER = 7;
const DEAD = 8;

interface Login {
  readonly type: number;
  readonly at: Moment;
  readonly pid?: number;
  readonly line: string;
  readonly id: string;
  readonly user: string;
  readonly host: string;
}

/** /var/log/wtmp: boots, shutdowns, and logins at a terminal. Never rotated before it has a megabyte. */
export function wtmpOf(timeline: Timeline, kernel: string, pidAt: (at: Moment) => number): Buffer {
  const logins: Login[] = [];
  const { boots, visits } = timeline;
  boots.forEach((boot, index) => {
    const system = { line: "~", id: "~~", host: kernel };
    // Down for as long as a machine takes to come up.
    if (index > 0) logins.push({ ...system, type: RUN_LEVEL, at: boot - 22 * SECOND, user: "shutdown" });
    logins.push({ ...system, type: BOOT, at: boot, user: "reboot" });
    logins.push({ ...system, type: RUN_LEVEL, at: boot + 9 * SECOND, pid: 53, user: "runlevel" });
  });
  for (const visit of visits.filter(({ terminal }) => terminal)) {
    const place = { line: "pts/0", id: "ts/0", pid: pidAt(visit.from) + 1 };
    logins.push({
      ...place,
      type: USER,
      at: visit.from + 300,
      user: nameOf(visit),
      host: visit.person.address,
    });
    logins.push({ ...place, type: DEAD, at: visit.to, user: "", host: "" });
  }
  return Buffer.concat(logins.sort((one, other) => one.at - other.at).map(record));
}

/** /var/log/btmp: passwords that failed, month by month. */
export function btmpOf(timeline: Timeline, pidAt: (at: Moment) => number, from: Moment, to: Moment): Buffer {
  const knocks = timeline.knocks.filter(({ at }) => at >= from && at < to);
  return Buffer.concat(
    knocks.map(({ at, user, address }) =>
      record({ type: LOGIN, at, pid: pidAt(at), line: "ssh:notty", id: "", user, host: address }),
    ),
  );
}

/** /var/log/lastlog, by uid. */
export function lastlogOf(timeline: Timeline, uids: Readonly<Record<Visit["who"], number>>): Buffer {
  const last = new Map(
    timeline.visits.filter(({ terminal }) => terminal).map((visit) => [uids[visit.who], visit]),
  );
  const content = Buffer.alloc((Math.max(0, ...last.keys()) + 1) * LASTLOG_RECORD);
  for (const [uid, { from, person }] of last) {
    const at = uid * LASTLOG_RECORD;
    content.writeInt32LE(Math.floor(from / SECOND), at);
    content.write("pts/0", at + 4, 32, "latin1");
    content.write(person.address, at + 36, 256, "latin1");
  }
  return content;
}

export function nameOf({ who, person }: Visit): string {
  return who === "root" ? "root" : person.name;
}

/** The first of the month in which `now` lies, where logrotate begins a new btmp. */
export function beginOfMonth(now: Moment): Moment {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

export function beginOfLastMonth(now: Moment): Moment {
  return beginOfMonth(beginOfMonth(now) - DAY + MINUTE);
}

function record({ type, at, pid = 0, line, id, user, host }: Login): Buffer {
  const bytes = Buffer.alloc(RECORD);
  bytes.writeInt16LE(type, 0);
  bytes.writeInt32LE(pid, 4);
  bytes.write(line, 8, 32, "latin1");
  bytes.write(id, 40, 4, "latin1");
  bytes.write(user, 44, 32, "latin1");
  bytes.write(host, 76, 256, "latin1");
  bytes.writeInt32LE(Math.floor(at / SECOND), 340);
  bytes.writeInt32LE((at % SECOND) * 1000, 344);
  const address = host.split(".").map(Number);
  if (address.length === 4 && address.every((part) => part <= 255)) bytes.set(address, 348);
  return bytes;
}
