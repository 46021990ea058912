import type { TarFile } from "../tar.ts";
import type { Line } from "./auth-log.ts";
import { strangersAddress, type Cast } from "./cast.ts";
import type { Dice } from "./dice.ts";
import { DAY, MINUTE, type Moment } from "./timeline.ts";

/** The page that nginx serves. */
export function pageOf(cast: Cast, at: Moment): TarFile {
  const content = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${cast.company}</title>
<style>body { font-family: sans-serif; max-width: 40em; margin: 4em auto; color: #333 }</style>
</head>
<body>
<h1>${cast.company}</h1>
<p>This site is being rebuilt. For orders and questions please call your contact as usual.</p>
<p><small>&copy; ${new Date(at).getUTCFullYear()} ${cast.company}</small></p>
</body>
</html>
`;
  return {
    path: "var/www/html/index.html",
    content: Buffer.from(content),
    mode: 0o644,
    uid: 0,
    gid: 0,
    modifiedAt: new Date(at),
  };
}

const ASKED = [
  ["GET / HTTP/1.1", 200],
  ["GET / HTTP/1.1", 200],
  ["GET /favicon.ico HTTP/1.1", 404],
  ["GET /robots.txt HTTP/1.1", 404],
  ["GET /.env HTTP/1.1", 404],
  ["GET /wp-login.php HTTP/1.1", 404],
  ["HEAD / HTTP/1.1", 200],
  ["GET /.git/config HTTP/1.1", 404],
] as const;
const AGENTS = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
  "curl/7.88.1",
  "Go-http-client/1.1",
  "-",
] as const;
/** Of nginx' own page for what is not there, and of ours. */
const NOT_FOUND_BYTES = 153;

/** Requests in nginx' combined format, the time within the line. */
export function requestLines(dice: Dice, since: Moment, now: Moment, pageBytes: number): Line[] {
  const lines: Line[] = [];
  for (let day = Math.floor(Math.max(since, now - 14 * DAY) / DAY); day * DAY < now; day++) {
    const today = dice.for(`requests ${day}`);
    for (let count = today.between(10, 40); count > 0; count--) {
      const at = day * DAY + today.between(0, DAY - 1);
      const [request, status] = today.pick(ASKED);
      const bytes = status === 404 ? NOT_FOUND_BYTES : request.startsWith("HEAD") ? 0 : pageBytes;
      const text = `${strangersAddress(today)} - - [${clfTime(at)}] "${request}" ${status} ${bytes} "-" "${today.pick(AGENTS)}"`;
      lines.push({ at, text });
    }
  }
  return lines.filter(({ at }) => at > since && at < now - MINUTE).sort((one, other) => one.at - other.at);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function clfTime(at: Moment): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()] ?? ""}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}
