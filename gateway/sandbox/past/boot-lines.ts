import type { Line } from "./auth-log.ts";
import { FIRST_SERVICE } from "./pids.ts";
import type { Moment } from "./timeline.ts";

/** In the order of their start, with milliseconds since the machine's: its services, by the words of their units. */
const STARTED = [
  [5200, "dbus.service", "D-Bus System Message Bus"],
  [5230, "cron.service", "Regular background program processing daemon"],
  [5410, "systemd-logind.service", "User Login Management"],
  [5480, "rsyslog.service", "System Logging Service"],
  [5900, "networking.service", "Raise network interfaces"],
  [6120, "nginx.service", "A high performance web server and a reverse proxy server"],
  [6300, "ssh.service", "OpenBSD Secure Shell server"],
] as const;

/** What a start of the machine leaves in its logs. */
export function bootLines(boots: readonly Moment[]): { readonly syslog: Line[]; readonly auth: Line[] } {
  const lines = boots.map((boot) => ({
    syslog: [
      ...STARTED.map(([after, unit, what]) => ({
        at: boot + after,
        text: `systemd[1]: Started ${unit} - ${what}.`,
      })),
      { at: boot + 6340, text: "systemd[1]: Reached target multi-user.target - Multi-User System." },
    ],
    auth: ["0.0.0.0", "::"].map((address, index) => ({
      at: boot + 6290 + index,
      text: `sshd[${FIRST_SERVICE}]: Server listening on ${address} port 22.`,
    })),
  }));
  return { syslog: lines.flatMap(({ syslog }) => syslog), auth: lines.flatMap(({ auth }) => auth) };
}
