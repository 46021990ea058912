import type { TarFile } from "../tar.ts";
import { HOUR, MINUTE, type Moment } from "./timeline.ts";

const WWW_DATA = 33;

/**
 * Folders that the image's build or our own files touched last of all, dated to who would have touched them: the installer, the
 * administrator, a service's first start. `midnight`: of the last night.
 */
export function foldersOf(installed: Moment, midnight: Moment, crontabGroup: number): TarFile[] {
  const folder = (path: string, at: Moment, mode = 0o755, uid = 0, gid = 0): TarFile => ({
    path,
    mode,
    uid,
    gid,
    modifiedAt: new Date(Math.max(at, installed)),
  });
  return [
    folder("etc/apt/apt.conf.d", installed + 9 * MINUTE),
    folder("etc/ssh", installed + 8 * MINUTE),
    folder("home", installed + 40 * MINUTE),
    folder("root", installed + 55 * MINUTE, 0o700),
    folder("tmp", midnight, 0o1777),
    folder("usr/sbin", installed + 12 * MINUTE),
    folder("var/cache/apt", installed + 70 * MINUTE),
    folder("var/cache/apt/archives", installed + 70 * MINUTE),
    folder("var/lib/apt/lists", midnight - 4 * HOUR),
    folder("var/lib/nginx", installed + 14 * MINUTE),
    ...["body", "fastcgi", "proxy", "scgi", "uwsgi"].map((name) =>
      folder(`var/lib/nginx/${name}`, installed + 14 * MINUTE, 0o700, WWW_DATA),
    ),
    folder("var/log", midnight),
    folder("var/lib/systemd/timers", midnight),
    folder("var/spool/cron/crontabs", installed + 26 * HOUR, 0o1730, 0, crontabGroup),
    folder("var/www/html", installed + 72 * HOUR),
  ];
}
