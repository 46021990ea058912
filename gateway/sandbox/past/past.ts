import type { AccountFiles } from "../accounts.ts";
import { addAccount } from "../accounts.ts";
import type { SkelFile } from "../home.ts";
import type { TarFile } from "../tar.ts";
import { linesOfKnock, linesOfVisit, type Line } from "./auth-log.ts";
import { bootLines } from "./boot-lines.ts";
import { castOf, type Cast } from "./cast.ts";
import { Dice } from "./dice.ts";
import { foldersOf } from "./folders.ts";
import { homesOf } from "./homes.ts";
import { journalOf } from "./journal.ts";
import { mailOf } from "./mail.ts";
import { pidAfter } from "./pids.ts";
import { beginOfLastMonth, beginOfMonth, btmpOf, lastlogOf, wtmpOf } from "./login-records.ts";
import { rotated, type LogFile } from "./rotation.ts";
import { ADMIN_UID, DEPLOY_UID, systemLines } from "./system-log.ts";
import { DAY, HOUR, KEPT, MINUTE, timelineOf, type Moment, type Timeline } from "./timeline.ts";
import { pageOf, requestLines } from "./web.ts";

export interface PastInput {
  /** The same seed and times give the same past. */
  readonly seed: string;
  readonly hostname: string;
  /** `uname -r`, as `last` shows it with each boot. */
  readonly kernel: string;
  readonly installed: Moment;
  readonly booted: Moment;
  /** The kernel's, 32 hexadecimal digits. */
  readonly bootId: string;
  readonly now: Moment;
  /** As the image has them. */
  readonly accounts: AccountFiles;
  readonly skel: readonly SkelFile[];
  /** Whether the image has a server for mail. */
  readonly hasMail: boolean;
}

const ADM = 4;
const WWW_DATA = 33;
const UTMP = 43;

/** Everything that lies on a server because it has been there for a while. Pure. */
export function pastOf(input: PastInput): readonly TarFile[] {
  const { hostname, installed, now } = input;
  const dice = new Dice(input.seed);
  const cast = castOf(dice.for("cast"));
  const timeline = timelineOf(dice.for("timeline"), cast, installed, input.booted, now);
  const pidAt = (at: Moment) => pidOf(timeline, at);
  const system = systemLines(dice.for("system"), { cast, since: installed + HOUR, now, pidAt });
  const boots = bootLines(timeline.boots.filter((boot) => boot > now - KEPT));
  const happened = ({ at }: Line) => at < now;
  const auth = [...authLines(dice.for("auth"), timeline, pidAt), ...system.auth, ...boots.auth].filter(
    happened,
  );
  const syslog = [...system.syslog, ...boots.syslog].filter(happened);
  const page = pageOf(cast, installed + 3 * DAY < now ? installed + 3 * DAY : installed + HOUR);
  const render = ({ at, text }: Line) => `${logTime(at)} ${hostname} ${text}`;
  const weekly = (name: string, lines: readonly Line[]) =>
    rotated({ path: `var/log/${name}`, uid: 0, gid: ADM, every: 7, kept: 4 }, sorted(lines), now, render);
  const requests = requestLines(dice.for("web"), installed + HOUR, now, page.content?.length ?? 0);
  const midnight = new Date(Math.max(installed, Math.floor(now / DAY) * DAY));
  const crontabGroup = groupId(input.accounts, "crontab");
  const files: TarFile[] = [
    ...accountFiles(input, cast),
    ...homesOf({ ...input, dice, cast, timeline, crontabGroup }),
    {
      ...ROOT,
      path: "etc/machine-id",
      content: Buffer.from(`${cast.machineId}\n`),
      mode: 0o444,
      modifiedAt: new Date(installed),
    },
    page,
    ...weekly("auth.log", auth),
    ...weekly("syslog", syslog),
    ...weekly("cron.log", system.cron),
    ...["kern.log", "user.log"].flatMap((name) => weekly(name, [])),
    ...rotated(NGINX_ACCESS, requests, now, ({ text }) => text),
    ...rotated(NGINX_ERROR, [], now, ({ text }) => text),
    ...loginRecords(timeline, input, pidAt),
    ...[...system.timers].map(([name, at]) => ({
      ...ROOT,
      path: `var/lib/systemd/timers/stamp-${name}.timer`,
      content: Buffer.alloc(0),
      mode: 0o644,
      modifiedAt: new Date(at),
    })),
    ...journalOf(
      {
        ...input,
        dice: dice.for("journal"),
        machineId: cast.machineId,
        group: groupId(input.accounts, "systemd-journal"),
      },
      sorted([...auth, ...syslog]),
    ),
    ...(input.hasMail ? mailFiles(dice.for("mail"), input, cast) : []),
    ...foldersOf(installed, midnight.getTime(), crontabGroup),
    { ...ROOT, path: "var/log/nginx", mode: 0o755, gid: ADM, modifiedAt: midnight },
  ];
  // On a machine that was installed today, some of it would still be to come.
  return files.map((file) =>
    file.modifiedAt.getTime() < now ? file : { ...file, modifiedAt: new Date(now) },
  );
}

const ROOT = { uid: 0, gid: 0 };
const NGINX = { uid: WWW_DATA, gid: ADM, every: 1, kept: 14 } as const;
const NGINX_ACCESS: LogFile = { path: "var/log/nginx/access.log", ...NGINX };
const NGINX_ERROR: LogFile = { path: "var/log/nginx/error.log", ...NGINX };

function pidOf({ boots }: Pick<Timeline, "boots">, at: Moment): number {
  return pidAfter(boots.findLast((moment) => moment <= at) ?? at, at);
}

function authLines(dice: Dice, { visits, knocks }: Timeline, pidAt: (at: Moment) => number): Line[] {
  const uids = { admin: ADMIN_UID, deploy: DEPLOY_UID, root: 0 };
  return [
    ...visits.flatMap((visit) => linesOfVisit(dice, visit, uids[visit.who], pidAt(visit.from))),
    ...knocks.flatMap((knock) => linesOfKnock(knock, pidAt(knock.at))),
  ];
}

function loginRecords(
  timeline: Timeline,
  { kernel, now, installed }: PastInput,
  pidAt: (at: Moment) => number,
): TarFile[] {
  const owner = { uid: 0, gid: UTMP };
  const last = (moments: readonly Moment[]) => new Date(moments.at(-1) ?? installed);
  const uids = { admin: ADMIN_UID, deploy: DEPLOY_UID, root: 0 };
  const logins = timeline.visits.filter(({ terminal }) => terminal);
  const month = beginOfMonth(now);
  const failed = (from: Moment, to: Moment) =>
    timeline.knocks.map(({ at }) => at).filter((at) => at >= from && at < to);
  const since = Math.max(beginOfLastMonth(now), now - KEPT);
  return [
    {
      ...owner,
      path: "var/log/wtmp",
      content: wtmpOf(timeline, kernel, pidAt),
      mode: 0o664,
      modifiedAt: last([...logins.map(({ to }) => to), ...timeline.boots].sort((one, other) => one - other)),
    },
    {
      ...owner,
      path: "var/log/lastlog",
      content: lastlogOf(timeline, uids),
      mode: 0o664,
      modifiedAt: last(logins.map(({ from }) => from)),
    },
    {
      ...owner,
      path: "var/log/btmp",
      content: btmpOf(timeline, pidAt, month, now),
      mode: 0o660,
      modifiedAt: last(failed(month, now)),
    },
    ...(installed < month
      ? [
          {
            ...owner,
            path: "var/log/btmp.1",
            content: btmpOf(timeline, pidAt, since, month),
            mode: 0o660,
            modifiedAt: last(failed(since, month)),
          },
        ]
      : []),
  ];
}

const HASH_LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The administrator's password is one that nobody knows: its hash was never made from any. Deliveries come by key alone. */
function accountFiles({ seed, accounts, installed }: PastInput, { admin, deploy }: Cast): TarFile[] {
  const dice = new Dice(`${seed}/shadow`);
  const hash = `$y$j9T$${dice.letters(22, HASH_LETTERS)}$${dice.letters(42, HASH_LETTERS)}${dice.letters(1, "./01")}`;
  const day = Math.floor(installed / DAY);
  const first = addAccount(accounts, { name: admin.name, hash, day, sudo: true }).files;
  const files = addAccount(first, { name: deploy.name, hash: "!", day, sudo: false }).files;
  const modifiedAt = new Date(installed + 40 * MINUTE);
  return [
    { ...ROOT, path: "etc/passwd", content: text(files.passwd), mode: 0o644, modifiedAt },
    { ...ROOT, path: "etc/group", content: text(files.group), mode: 0o644, modifiedAt },
    {
      ...ROOT,
      path: "etc/shadow",
      content: text(files.shadow),
      mode: 0o640,
      gid: groupId(accounts, "shadow"),
      modifiedAt,
    },
    {
      ...ROOT,
      path: "etc/gshadow",
      content: text(files.gshadow),
      mode: 0o640,
      gid: groupId(accounts, "shadow"),
      modifiedAt,
    },
  ];
}

function text(content: string): Buffer {
  return Buffer.from(content, "latin1");
}

function groupId({ group }: AccountFiles, name: string): number {
  return Number(new RegExp(`^${name}:[^:]*:(\\d+):`, "m").exec(group)?.[1] ?? 0);
}

function mailFiles(dice: Dice, { hostname, installed, now, accounts }: PastInput, cast: Cast): TarFile[] {
  const name = {
    ...ROOT,
    path: "etc/mailname",
    content: Buffer.from(`${hostname}\n`),
    mode: 0o644,
    modifiedAt: new Date(installed),
  };
  const group = groupId(accounts, "mail");
  return [name, ...mailOf(dice, { cast, hostname, since: installed + 2 * DAY, now, group })];
}

function sorted(lines: readonly Line[]): Line[] {
  return [...lines].sort((one, other) => one.at - other.at);
}

/** As rsyslog of Debian 12 writes it: microseconds, offset. The last three digits are of no moment, but never zero. */
function logTime(at: Moment): string {
  const micro = String((at * 7919) % 1000).padStart(3, "0");
  return new Date(at).toISOString().replace("Z", `${micro}+00:00`);
}
