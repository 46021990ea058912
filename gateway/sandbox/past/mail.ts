import type { TarFile } from "../tar.ts";
import type { Cast } from "./cast.ts";
import type { Dice } from "./dice.ts";
import { BACKUP_HOUR, backupScript, DEPLOY_UID } from "./system-log.ts";
import { DAY, HOUR, MINUTE, SECOND, type Moment } from "./timeline.ts";

/** Days of which mail is left: nobody reads it. */
const KEPT_DAYS = 200;

/** What cron wrote to the account that makes backups, on the nights on which the other machine did not answer. */
export function mailOf(
  dice: Dice,
  input: { cast: Cast; hostname: string; since: Moment; now: Moment; group: number },
): TarFile[] {
  const { cast, hostname, since, now, group } = input;
  const name = cast.deploy.name;
  const mails: string[] = [];
  let modifiedAt = since;
  const first = Math.ceil(Math.max(since, now - KEPT_DAYS * DAY) / DAY);
  for (let day = first; day * DAY + BACKUP_HOUR * HOUR + 45 * MINUTE < now; day++) {
    const tonight = dice.for(`mail ${day}`);
    if (!tonight.falls(0.04)) continue;
    const at = day * DAY + BACKUP_HOUR * HOUR + 41 * MINUTE + tonight.between(2, 40) * SECOND;
    // Of the file that it waited in, and what goes with that into its name.
    const file = tonight.between(4000, 90_000).toString(16);
    const id = `${Math.floor(at / SECOND).toString(16)}.${file}.${tonight.letters(8, "0123456789abcdef")}`;
    mails.push(mail({ name, hostname, cast, at, id, file }));
    modifiedAt = at;
  }
  // Nothing is made for whom there was never any.
  if (mails.length === 0) return [];
  const content = Buffer.from(mails.join(""));
  const path = `var/mail/${name}`;
  return [{ path, content, mode: 0o660, uid: DEPLOY_UID, gid: group, modifiedAt: new Date(modifiedAt) }];
}

interface Mail {
  readonly name: string;
  readonly hostname: string;
  readonly cast: Cast;
  readonly at: Moment;
  readonly id: string;
  readonly file: string;
}

function mail({ name, hostname, cast, at, id, file }: Mail): string {
  const [week = "", day = "", month = "", year = "", time = ""] = new Date(at).toUTCString().split(/,? /);
  const date = `${week}, ${day} ${month} ${year} ${time} +0000`;
  const address = `${name}@${hostname}`;
  return `From ${address} ${week} ${month} ${day.replace(/^0/, " ")} ${time} ${year}
Received: from ${name} (uid ${DEPLOY_UID})
\t(envelope-from ${address})
\tid ${file}
\tby ${hostname} (DragonFly Mail Agent v0.13);
\t${date}
From: root (Cron Daemon)
To: ${name}
Subject: Cron <${address}> ${backupScript(cast)} >/dev/null
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
X-Cron-Env: <SHELL=/bin/sh>
X-Cron-Env: <HOME=/home/${name}>
X-Cron-Env: <PATH=/usr/bin:/bin>
X-Cron-Env: <LOGNAME=${name}>
Date: ${date}
Message-Id: <${id}@${hostname}>

ssh: connect to host ${cast.backupHost} port 22: Connection timed out
rsync: connection unexpectedly closed (0 bytes received so far) [sender]
rsync error: unexplained error (code 255) at io.c(228) [sender=3.2.7]

`;
}
