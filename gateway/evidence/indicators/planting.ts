import type { ByteString } from "../../model/bytes.ts";
import type { SimpleCommand } from "../simple-commands.ts";
import { cronLines } from "./cron.ts";
import type { Found } from "./indicator.ts";
import { accountOfPath, crontabAccount, pathIndicator } from "./persistence-paths.ts";
import { baseName, givenLines, optionValue, plainOperands, printed, verbOf } from "./verb.ts";

/**
 * What a command plants so that it runs again: crontabs, units, start-up files, preloaded libraries, rules of sudo, kernel modules. By
 * the file that it writes (a redirection, `tee`, `cp`, `mv`, `ln`, `install`, `sed -i`), or by the program that does it.
 */
export function plantedBy(command: SimpleCommand, before: SimpleCommand | undefined): Found[] {
  const { name, operands } = verbOf(command.words);
  const content = printed(command) ?? "";
  const found = writtenPaths(command, name, operands).flatMap((path) => [
    ...written(path, name === "tee" ? givenLines(command, before).join("\n") : content),
  ]);
  for (const { name: variable, value } of assignmentsOf(command, name, operands))
    if (variable === "LD_PRELOAD" && value !== "")
      found.push({ kind: "preload", value: value as ByteString });
  switch (name) {
    case "crontab":
      found.push(...crontab(operands, command, before));
      break;
    case "systemctl":
      found.push(...enabled(operands));
      break;
    case "update-rc.d":
    case "chkconfig":
      found.push(
        ...plainOperands(operands, "")
          .slice(0, 1)
          .flatMap((unit) => service(unit)),
      );
      break;
    case "insmod":
    case "modprobe":
    case "kmod":
      found.push(...kernelModule(name, operands));
      break;
    default:
  }
  return found;
}

/** The indicators of a file that was written here: of its content where that tells more, else of its path. */
export function written(path: string, content: string): Found[] {
  const one = pathIndicator(path);
  if (one === undefined) return [];
  const details = { file: path, account: crontabAccount(path) ?? accountOfPath(path) };
  if (one.kind === "cron") {
    const lines = cronLines(content, details);
    return lines.length > 0 ? lines : [one];
  }
  if (one.kind === "service") {
    const [, exec] = /^[ \t]{0,64}ExecStart[ \t]{0,64}=[ \t]{0,64}(\S[^\r\n]{0,1000})/m.exec(content) ?? [];
    return [{ ...one, details: { path: path as ByteString, ...(exec && { exec: exec as ByteString }) } }];
  }
  if (one.kind === "preload" && path === "/etc/ld.so.preload") {
    const libraries = content.split(/[\s:]+/).filter((word) => word.startsWith("/") && word.length <= 1000);
    return libraries.length > 0
      ? libraries.map((value) => ({
          kind: "preload",
          value: value as ByteString,
          details: { file: path as ByteString },
        }))
      : [one];
  }
  return [one];
}

function writtenPaths(command: SimpleCommand, name: string, operands: readonly string[]): string[] {
  const paths: string[] = command.redirects
    .filter(({ operator, fd }) => operator.includes(">") && fd <= 1)
    .map(({ target }) => target);
  const plain = plainOperands(operands, "");
  if (name === "tee") paths.push(...plain);
  else if (name === "sed" && operands.some((word) => /^(?:-[a-zA-Z]*i|--in-place)/.test(word)))
    paths.push(...plain.slice(1));
  else if (COPYING.has(name) && plain.length > 1) {
    const to = plain.at(-1) ?? "";
    paths.push(...(to.endsWith("/") ? plain.slice(0, -1).map((from) => to + baseName(from)) : [to]));
    // Into a folder without its slash: as many as there are.
    if (plain.length > 2 || /\/(?:init\.d|cron\.\w+|system|profile\.d|crontabs)$/.test(to))
      paths.push(...plain.slice(0, -1).map((from) => `${to}/${baseName(from)}`));
  }
  return paths;
}

function crontab(
  operands: readonly string[],
  command: SimpleCommand,
  before: SimpleCommand | undefined,
): Found[] {
  if (operands.some((word) => /^-[lrei]/.test(word))) return [];
  const account = optionValue(operands, "u", "user");
  const lines = cronLines(givenLines(command, before).join("\n"), { account });
  const [file] = plainOperands(operands, "u");
  if (lines.length > 0 || file === undefined || file === "-") return lines;
  return [{ kind: "cron", value: file as ByteString, details: { from: file as ByteString } }];
}

function enabled(operands: readonly string[]): Found[] {
  const [action, ...units] = plainOperands(operands, "");
  return action === "enable" || action === "reenable" ? units.flatMap(service) : [];
}

function service(unit: string): Found[] {
  if (!/^[\w.@:/\\-]{1,255}$/.test(unit)) return [];
  const name = baseName(unit);
  return [{ kind: "service", value: (/\.[a-z]+$/.test(name) ? name : `${name}.service`) as ByteString }];
}

function kernelModule(name: string, operands: readonly string[]): Found[] {
  if (operands.some((word) => /^-(?:r|c|l|V|n|-remove|-show|-dry|-version|-help)/.test(word))) return [];
  const plain = plainOperands(operands, "CdS");
  const named =
    name === "kmod" ? (/^(?:insmod|modprobe)$/.test(plain[0] ?? "") ? plain[1] : undefined) : plain[0];
  return named === undefined
    ? []
    : [
        {
          kind: "kernel-module",
          value: baseName(named) as ByteString,
          details: { path: named as ByteString },
        },
      ];
}

function assignmentsOf(command: SimpleCommand, name: string, operands: readonly string[]) {
  const exported =
    name === "export" || name === "declare" ? operands.filter((word) => word.includes("=")) : [];
  return [
    ...command.assignments,
    ...exported.map((word) => ({
      name: word.slice(0, word.indexOf("=")),
      value: word.slice(word.indexOf("=") + 1),
    })),
  ];
}

const COPYING: ReadonlySet<string> = new Set(["cp", "mv", "ln", "install", "link"]);
