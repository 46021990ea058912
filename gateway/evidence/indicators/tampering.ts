import type { ByteString } from "../../model/bytes.ts";
import type { SimpleCommand } from "../simple-commands.ts";
import type { Found } from "./indicator.ts";
import { verbOf } from "./verb.ts";

/**
 * Commands that cover tracks or put defences down. The value is the simple command, words apart by one blank; `what` says which of these
 * it is: `history`, `logs`, `immutable`, `firewall`, `defences`, `times`.
 */
export function tamperingOf(command: SimpleCommand): Found[] {
  const what = whatOf(command);
  if (what === undefined) return [];
  const words = [
    ...command.assignments.map(({ name, value }) => `${name}=${value}`),
    ...command.words,
    ...command.redirects.map(({ operator, target }) => `${operator} ${target}`),
  ];
  const value = words.join(" ").replace(/\s+/g, " ").trim().slice(0, LONGEST);
  return [{ kind: "tampering", value: value as ByteString, details: { what: what as ByteString } }];
}

function whatOf(command: SimpleCommand): string | undefined {
  const { name, operands } = verbOf(command.words);
  const variables = [
    ...command.assignments.map(({ name: variable, value }) => `${variable}=${value}`),
    ...(name === "export" || name === "declare" ? operands : []),
  ];
  if (
    variables.some((one) =>
      /^(?:HISTFILE=(?:\/dev\/null)?$|HIST(?:FILE)?SIZE=0$|HISTCONTROL=ignore)/.test(one),
    )
  )
    return "history";
  const emptied = command.redirects
    .filter(({ operator }) => operator.includes(">") && !operator.includes("&"))
    .map(({ target }) => target);
  const removes = REMOVING.has(name) ? operands.filter((word) => !word.startsWith("-")) : [];
  const touched = [
    ...(name === "" || name === ":" || name === "cat" || name === "echo" ? emptied : []),
    ...removes,
  ];
  if (touched.some((path) => HISTORY.test(path))) return "history";
  if (touched.some((path) => LOGS.test(path))) return "logs";
  return byProgram(name, operands);
}

function byProgram(name: string, operands: readonly string[]): string | undefined {
  const all = operands.join(" ");
  switch (name) {
    case "history":
      return /^-\w*[cw]/.test(all) ? "history" : undefined;
    case "unset":
      return /\bHIST(?:FILE|SIZE|FILESIZE|CONTROL)?\b/.test(all) ? "history" : undefined;
    case "set":
      return /^\+o history/.test(all) ? "history" : undefined;
    case "shopt":
      return /^-u .*\bcmdhist|^-uo history/.test(all) ? "history" : undefined;
    case "chattr":
    case "lockr":
      return /^[+-]\w*[aiu]/.test(operands.find((word) => /^[+-]/.test(word)) ?? "")
        ? "immutable"
        : undefined;
    case "iptables":
    case "ip6tables":
      return /(?:^| )(?:-F|--flush|-X|-P \w+ ACCEPT)(?: |$)/.test(all) ? "firewall" : undefined;
    case "nft":
      return /^(?:flush ruleset|delete table)/.test(all) ? "firewall" : undefined;
    case "ufw":
      return /(?:^| )(?:disable|reset)/.test(all) ? "firewall" : undefined;
    case "setenforce":
      return /^(?:0|permissive)/i.test(all) ? "defences" : undefined;
    case "systemctl":
      return /^(?:stop|disable|mask)(?: --now)? /.test(all) && DEFENDERS.test(all) ? "defences" : undefined;
    case "service":
      return / stop$/.test(all) && DEFENDERS.test(all) ? "defences" : undefined;
    case "pkill":
    case "killall":
      return DEFENDERS.test(all) ? "defences" : undefined;
    case "touch":
      return /(?:^| )(?:-\w*[rtd]|--reference|--date)/.test(all) ? "times" : undefined;
    case "dmesg":
      return /(?:^| )(?:-c|-C|--clear)(?: |$)/.test(all) ? "logs" : undefined;
    case "journalctl":
      return /--vacuum|--rotate/.test(all) ? "logs" : undefined;
    case "ln":
      return /^(?:-\S+ )*\/dev\/null .*_history$/.test(all) ? "history" : undefined;
    default:
      return undefined;
  }
}

const REMOVING: ReadonlySet<string> = new Set(["rm", "shred", "unlink", "truncate", "wipe"]);
const HISTORY = /\.(?:bash|ash|sh|zsh|python|mysql|psql)?_?history$|\$HISTFILE$|\$\{HISTFILE\}$/;
const LOGS = /^\/var\/log(?:\/|$)|^\/(?:var\/)?run\/utmp$|\/(?:wtmp|btmp|lastlog)$/;
const DEFENDERS =
  /\b(?:auditd|rsyslogd?|syslog(?:-ng)?|journald|apparmor|firewalld|ufw|fail2ban|iptables|nftables|clamav\S*|falcon\S*|wazuh\S*|ossec\S*|aliyun\S*|aegis|cloudmonitor|selinux\S*)\b/;
const LONGEST = 500;
