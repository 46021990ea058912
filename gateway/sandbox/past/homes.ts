import type { SkelFile } from "../home.ts";
import type { TarFile } from "../tar.ts";
import type { Cast, Person } from "./cast.ts";
import type { Dice } from "./dice.ts";
import { ADMIN_UID, BACKUP_HOUR, backupScript, DEPLOY_UID } from "./system-log.ts";
import { HOUR, MINUTE, type Moment, type Timeline, type Visit } from "./timeline.ts";

export interface HomesInput {
  readonly dice: Dice;
  readonly cast: Cast;
  readonly timeline: Timeline;
  readonly installed: Moment;
  readonly skel: readonly SkelFile[];
  /** Group of crontab(1), which owns the folder of crontabs. */
  readonly crontabGroup: number;
}

/** Homes of those who look after the server, with what they typed, and what cron does for them. */
export function homesOf({ dice, cast, timeline, installed, skel, crontabGroup }: HomesInput): TarFile[] {
  const lastVisit = (who: Visit["who"]) =>
    timeline.visits.findLast((visit) => visit.who === who && visit.terminal)?.to ?? installed + HOUR;
  const madeAt = installed + 40 * MINUTE;
  const home = (person: Person, uid: number) => homeOf(person, uid, skel, madeAt);
  const script = `#!/bin/sh
# Nightly copy of the site, see wiki
exec rsync -a --delete --timeout=60 /var/www/ backup@${cast.backupHost}:sites/$(hostname)/
`;
  const own = { uid: DEPLOY_UID, gid: DEPLOY_UID, modifiedAt: new Date(installed + 26 * HOUR) };
  const bin = `home/${cast.deploy.name}/bin`;
  return [
    ...home(cast.admin, ADMIN_UID),
    history(
      `home/${cast.admin.name}`,
      ADMIN_UID,
      adminTyped(dice.for("admin history"), cast),
      lastVisit("admin"),
    ),
    ...home(cast.deploy, DEPLOY_UID),
    { path: bin, mode: 0o755, ...own },
    { path: `${bin}/backup.sh`, content: Buffer.from(script), mode: 0o755, ...own },
    {
      path: `var/spool/cron/crontabs/${cast.deploy.name}`,
      content: Buffer.from(crontab(cast, own.modifiedAt)),
      mode: 0o600,
      uid: DEPLOY_UID,
      gid: crontabGroup,
      modifiedAt: own.modifiedAt,
    },
    history("root", 0, rootTyped(cast), lastVisit("root")),
  ];
}

function homeOf(
  { name, publicKey }: Person,
  id: number,
  skel: readonly SkelFile[],
  madeAt: Moment,
): TarFile[] {
  const owner = { uid: id, gid: id, modifiedAt: new Date(madeAt) };
  const folder = `home/${name}`;
  return [
    { path: folder, mode: 0o700, ...owner },
    ...skel.map((file) => ({
      ...owner,
      path: `${folder}/${file.name}`,
      content: file.content,
      mode: file.mode,
    })),
    { path: `${folder}/.ssh`, mode: 0o700, ...owner },
    { path: `${folder}/.ssh/authorized_keys`, content: Buffer.from(publicKey), mode: 0o600, ...owner },
  ];
}

function history(folder: string, id: number, lines: readonly string[], at: Moment): TarFile {
  const content = Buffer.from(`${lines.join("\n")}\n`);
  return {
    path: `${folder}/.bash_history`,
    content,
    mode: 0o600,
    uid: id,
    gid: id,
    modifiedAt: new Date(at),
  };
}

/** Of the day of the installation, in the order in which one sets a server up. */
function rootTyped({ admin, deploy }: Cast): string[] {
  return [
    "apt-get update", "apt-get upgrade", "apt-get install nginx rsync htop tmux lsof strace whois",
    "systemctl status nginx", "ss -tlnp", `adduser ${admin.name}`, `usermod -aG sudo ${admin.name}`,
    `adduser --disabled-password ${deploy.name}`, `mkdir /home/${deploy.name}/.ssh`,
    `nano /home/${deploy.name}/.ssh/authorized_keys`, `chown -R ${deploy.name}: /home/${deploy.name}/.ssh`,
    `chmod 700 /home/${deploy.name}/.ssh`, "nano /etc/systemd/journald.conf.d/10-rsyslog.conf",
    "systemctl restart systemd-journald", "df -h", "exit",
  ]; // prettier-ignore
}

const HABITS: readonly [readonly string[], ...(readonly string[])[]] = [
  ["uptime", "df -h"],
  ["sudo apt update", "apt list --upgradable", "sudo apt-get upgrade"],
  ["sudo tail -n 50 /var/log/nginx/error.log"],
  ["cd /var/www/html", "ls -la", "cd"],
  ["htop"],
  ["sudo ss -tlnp"],
  ["last | head", "sudo lastb -n 20"],
  ["free -m"],
  ["sudo less /var/log/syslog"],
  ["sudo du -sh /var/log"],
  ["sudo nginx -t", "sudo systemctl reload nginx"],
  ["curl -I localhost"],
  ["w"],
  ["history | grep rsync"],
];

function adminTyped(dice: Dice, { deploy }: Cast): string[] {
  const lines = ["passwd", "mkdir .ssh", "nano .ssh/authorized_keys", "chmod 700 .ssh", "exit"];
  for (let visits = dice.between(12, 30); visits > 0; visits--) {
    for (let count = dice.between(1, 4); count > 0; count--) {
      const habit = dice.pick(HABITS);
      // Nobody types the same twice in a row without a reason.
      if (lines.at(-1) !== habit.at(-1)) lines.push(...habit);
    }
    if (dice.falls(0.15)) lines.push(`sudo crontab -u ${deploy.name} -l`);
    lines.push("exit");
  }
  return lines;
}

/** With the head that crontab(1) puts there. */
function crontab(cast: Cast, at: Date): string {
  const date = at.toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) ([\d:]+) GMT$/, "$1 $3 $2 $5 $4");
  return `# DO NOT EDIT THIS FILE - edit the master and reinstall.
# (/tmp/crontab.${cast.machineId.slice(0, 6)}/crontab installed on ${date})
# (Cron version -- $Id: crontab.c,v 2.13 1994/01/17 03:20:37 vixie Exp $)
# m h  dom mon dow   command
40 ${BACKUP_HOUR} * * * ${backupScript(cast)} >/dev/null
`;
}
