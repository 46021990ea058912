import type { Line } from "./auth-log.ts";
import type { Cast } from "./cast.ts";
import type { Dice } from "./dice.ts";
import { DAY, HOUR, KEPT, MINUTE, SECOND, type Moment } from "./timeline.ts";

export interface SystemLines {
  readonly syslog: readonly Line[];
  readonly cron: readonly Line[];
  readonly auth: readonly Line[];
  /** When each of systemd's timers was due last, by its name without the ending. */
  readonly timers: ReadonlyMap<string, Moment>;
}

/** What cron and systemd's timers did, for as long as logs are kept. */
export function systemLines(
  dice: Dice,
  { cast, since, now, pidAt }: { cast: Cast; since: Moment; now: Moment; pidAt: (at: Moment) => number },
): SystemLines {
  const cron: Line[] = [];
  const auth: Line[] = [];
  const timers: Line[] = [];
  const job = (at: Moment, user: string, uid: number, command: string) => {
    const pid = pidAt(at);
    const session = `CRON[${pid}]: pam_unix(cron:session): session`;
    cron.push({ at: at + 3, text: `CRON[${pid + 1}]: (${user}) CMD (${command})` });
    auth.push({ at: at + 1, text: `${session} opened for user ${user}(uid=${uid}) by (uid=0)` });
    auth.push({ at: at + 60, text: `${session} closed for user ${user}` });
  };
  const due = new Map<string, Moment>();
  const timer = (at: Moment, unit: string, what: string, took: number) => {
    if (at > since && at < now) due.set(unit.replace(/\.service$/, ""), at);
    timers.push({ at, text: `systemd[1]: Starting ${unit} - ${what}...` });
    timers.push({ at: at + took, text: `systemd[1]: ${unit}: Deactivated successfully.` });
    timers.push({ at: at + took + 1, text: `systemd[1]: Finished ${unit} - ${what}.` });
  };
  const begin = Math.floor(Math.max(since, now - KEPT) / HOUR) * HOUR;
  for (let hour = begin; hour < now; hour += HOUR) {
    // Dice of its own for each hour: what it had does not depend on when one looks.
    const chance = dice.for(String(hour));
    const at = hour + SECOND + chance.between(10, 900);
    job(at + 17 * MINUTE, "root", 0, "cd / && run-parts --report /etc/cron.hourly");
    const ofDay = (hour % DAY) / HOUR;
    if (ofDay === BACKUP_HOUR)
      job(at + 40 * MINUTE, cast.deploy.name, DEPLOY_UID, `${backupScript(cast)} >/dev/null`);
    if (ofDay === 6) job(at + 25 * MINUTE, "root", 0, DAILY);
    if (ofDay === 6 && new Date(hour).getUTCDay() === 0) job(at + 47 * MINUTE, "root", 0, WEEKLY);
    if (ofDay === 0) {
      timer(hour + 600, "dpkg-db-backup.service", "Daily dpkg database backup service", 180);
      timer(hour + 800, "logrotate.service", "Rotate log files", 940);
    }
    if (ofDay === 2 && new Date(hour).getUTCDay() === 1)
      timer(at + 11 * MINUTE, "fstrim.service", "Discard unused blocks on filesystems from /etc/fstab", 640);
    if (ofDay === 5)
      timer(at + chance.between(1, 55) * MINUTE, "man-db.service", "Daily man-db regeneration", 800);
    if (ofDay === 9 || ofDay === 19)
      timer(at + chance.between(1, 55) * MINUTE, "apt-daily.service", "Daily apt download activities", 2900);
  }
  const happened = ({ at }: Line) => at > since && at < now - 2 * SECOND;
  return {
    cron: cron.filter(happened),
    auth: auth.filter(happened),
    syslog: [...cron, ...timers].filter(happened),
    timers: due,
  };
}

const DAILY = "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }";
const WEEKLY = "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.weekly; }";
export const BACKUP_HOUR = 3;
export const ADMIN_UID = 1000;
export const DEPLOY_UID = 1001;

export function backupScript({ deploy }: Cast): string {
  return `/home/${deploy.name}/bin/backup.sh`;
}
