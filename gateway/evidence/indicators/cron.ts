import type { ByteString } from "../../model/bytes.ts";
import type { Found } from "./indicator.ts";

/**
 * Lines of a crontab that run something, each blank run as one blank: five fields or `@reboot` and the like, then a command. Comments,
 * variables and the lines that a distribution brings are none.
 */
export function cronLines(text: string, details: Readonly<Record<string, string | undefined>> = {}): Found[] {
  const told = Object.entries(details).filter(([, value]) => value !== undefined) as [string, ByteString][];
  return text
    .split(/\r?\n/)
    .filter((line) => line.length <= LONGEST_LINE && LINE.test(line) && !STOCK.test(line))
    .map((line) => ({
      kind: "cron",
      value: line.trim().replace(/[ \t]+/g, " ") as ByteString,
      ...(told.length === 0 ? {} : { details: Object.fromEntries(told) }),
    }));
}

const LONGEST_LINE = 2048;
const LINE =
  /^[ \t]{0,64}(?:@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)[ \t]|(?:[\d*][\d*,/-]{0,60}[ \t]+){2}(?:[\d*][\d*,/-]{0,60}[ \t]+)(?:[\d*a-zA-Z][\w*,/-]{0,60}[ \t]+){2})[ \t]{0,64}\S/;
/** Debian's `/etc/crontab` and the files of its own packages in `/etc/cron.d`. */
const STOCK =
  /run-parts --report \/etc\/cron\.|\/usr\/sbin\/anacron|e2scrub_all|\/usr\/lib\/php\/sessionclean/;
