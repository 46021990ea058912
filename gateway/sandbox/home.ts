import { createHash } from "node:crypto";
import type { Account } from "./accounts.ts";
import type { TarFile } from "./tar.ts";

/** A file of /etc/skel, as every new home gets it. */
export interface SkelFile {
  readonly name: string;
  readonly content: Uint8Array;
  readonly mode: number;
  readonly modifiedAt: Date;
}

/** Such lines as somebody types who looks after a server now and then. */
const LINES = [
  "ls -la",
  "df -h",
  "free -m",
  "cd /var/log",
  "ls -lt | head",
  "uptime",
  "last | head",
  "top",
  "ps aux | less",
  "cd /var/www",
  "du -sh *",
  "nano notes.txt",
  "ip a",
  "ss -tlnp",
  "cat /etc/os-release",
  "ping -c 3 1.1.1.1",
  "history | tail",
  "crontab -l",
  "w",
  "cd",
] as const;

/**
 * The home of a new account: what is in /etc/skel and a short history, the same for the same name. Mode 0700, as
 * adduser's DIR_MODE of Debian 12. Pure.
 */
export function homeOf(account: Account, skel: readonly SkelFile[], madeAt: Date): readonly TarFile[] {
  const { uid, gid, home, name } = account;
  const owner = { uid, gid };
  const folder = home.replace(/^\//, "");
  return [
    { path: folder, mode: 0o700, ...owner, modifiedAt: madeAt },
    ...skel.map(({ name: file, content, mode }) => ({
      path: `${folder}/${file}`,
      content,
      mode,
      ...owner,
      modifiedAt: madeAt,
    })),
    {
      path: `${folder}/.bash_history`,
      content: Buffer.from(history(name)),
      mode: 0o600,
      ...owner,
      modifiedAt: madeAt,
    },
  ];
}

function history(name: string): string {
  const seed = createHash("sha256").update(name).digest();
  const length = 6 + ((seed[0] ?? 0) % 7);
  const lines = [...seed.subarray(1, 1 + length)].map((byte) => LINES[byte % LINES.length] ?? "ls");
  // Nobody types the same line twice in a row without a reason.
  const typed = lines.filter((line, index) => line !== lines[index - 1]);
  return [...typed, "exit", ""].join("\n");
}
