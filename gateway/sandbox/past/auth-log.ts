import type { Dice } from "./dice.ts";
import { nameOf } from "./login-records.ts";
import { MINUTE, SECOND, type Knock, type Moment, type Visit } from "./timeline.ts";

/** One line of a log, without its time and host. */
export interface Line {
  readonly at: Moment;
  readonly text: string;
}

/** A login by key, what was done with sudo, the end: as sshd and sudo write it. */
export function linesOfVisit(dice: Dice, visit: Visit, uid: number, pid: number): Line[] {
  const { person, from, to, port, terminal } = visit;
  const name = nameOf(visit);
  const at = `${person.address} port ${port}`;
  const sshd = (when: Moment, process: number, text: string) => ({
    at: when,
    text: `sshd[${process}]: ${text}`,
  });
  return [
    sshd(from, pid, `Accepted publickey for ${name} from ${at} ssh2: ${person.fingerprint}`),
    sshd(from + 4, pid, `pam_unix(sshd:session): session opened for user ${name}(uid=${uid}) by (uid=0)`),
    ...(visit.who === "admin" ? sudoLines(dice, visit, uid) : []),
    sshd(to, pid + (terminal ? 6 : 1), `Received disconnect from ${at}:11: disconnected by user`),
    sshd(to + 1, pid + (terminal ? 6 : 1), `Disconnected from user ${name} ${at}`),
    sshd(to + 2, pid, `pam_unix(sshd:session): session closed for user ${name}`),
  ];
}

const COMMANDS = [
  "/usr/bin/apt update", "/usr/bin/apt list --upgradable", "/usr/sbin/nginx -t", "/usr/bin/less /var/log/syslog",
  "/usr/bin/tail -n 50 /var/log/nginx/error.log", "/usr/bin/ss -tlnp", "/usr/bin/du -sh /var/log", "/usr/bin/crontab -l",
  "/usr/bin/lastb -n 20",
] as const; // prettier-ignore

function sudoLines(dice: Dice, { person: { name }, from, to }: Visit, uid: number): Line[] {
  const lines: Line[] = [];
  for (let at = from + dice.between(20, 90) * SECOND; at < to - MINUTE && lines.length < 15;) {
    const command = dice.pick(COMMANDS);
    lines.push({
      at,
      text: `sudo: ${name.padStart(8)} : TTY=pts/0 ; PWD=/home/${name} ; USER=root ; COMMAND=${command}`,
    });
    lines.push({
      at: at + 2,
      text: `sudo: pam_unix(sudo:session): session opened for user root(uid=0) by ${name}(uid=${uid})`,
    });
    const done = at + dice.between(40, 9000);
    lines.push({ at: done, text: "sudo: pam_unix(sudo:session): session closed for user root" });
    at = done + dice.between(15, 600) * SECOND;
  }
  return lines;
}

/** A wrong password and the end of the connection. */
export function linesOfKnock({ at, address, port, user, known }: Knock, pid: number): Line[] {
  const peer = `${address} port ${port}`;
  const sshd = (after: number, text: string) => ({ at: at + after, text: `sshd[${pid}]: ${text}` });
  const failure = `pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=${address}`;
  const end = sshd(3300, `Received disconnect from ${peer}:11: Bye Bye [preauth]`);
  if (known)
    return [
      sshd(-1900, `${failure}  user=${user}`),
      sshd(0, `Failed password for ${user} from ${peer} ssh2`),
      end,
      sshd(3301, `Disconnected from authenticating user ${user} ${peer} [preauth]`),
    ];
  return [
    sshd(-2200, `Invalid user ${user} from ${peer}`),
    sshd(-2150, "pam_unix(sshd:auth): check pass; user unknown"),
    sshd(-2149, `${failure} `),
    sshd(0, `Failed password for invalid user ${user} from ${peer} ssh2`),
    end,
    sshd(3301, `Disconnected from invalid user ${user} ${peer} [preauth]`),
  ];
}
