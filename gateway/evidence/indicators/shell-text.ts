import type { ByteString } from "../../model/bytes.ts";
import { simpleCommands, type SimpleCommand } from "../simple-commands.ts";
import { accountsOf } from "./accounts.ts";
import { cronLines } from "./cron.ts";
import { hostsOf } from "./fetching.ts";
import { hashesIn } from "./hashes.ts";
import type { Found } from "./indicator.ts";
import { plantedBy } from "./planting.ts";
import { scanText } from "./scan-text.ts";
import { wholeUrl } from "./scan-urls.ts";
import { sshKeysIn } from "./ssh-keys.ts";
import { tamperingOf } from "./tampering.ts";
import { agentOf } from "./user-agents.ts";
import { givenLines, printed, verbOf } from "./verb.ts";

/**
 * All that a command line tells. What it hands to a shell in base64 (`echo ... | base64 -d | sh`) is read, too.
 *
 * @param own who is logged in.
 */
export function shellIndicators(text: ByteString, own: string | undefined, depth = 0): Found[] {
  const commands = simpleCommands(text);
  if (commands.length === 0) return [...scanText(text), ...sshKeysIn(text)];
  // What names the function of a hash may stand in the next command of the line.
  const found = hashesIn(text);
  for (const [index, command] of commands.entries()) {
    const before = command.piped ? commands[index - 1] : undefined;
    found.push(...commandIndicators(command, before, own));
    const hidden = depth < DEEPEST ? decoded(command, before) : undefined;
    if (hidden !== undefined) found.push(...shellIndicators(hidden, own, depth + 1));
  }
  if (commands.some(installsCrontab))
    found.push(...commands.flatMap((command) => cronLines(printed(command) ?? "")));
  return found;
}

/** What one simple command tells. Also for a program that was run, whose words are then its arguments. */
export function commandIndicators(
  command: SimpleCommand,
  before: SimpleCommand | undefined,
  own: string | undefined,
): Found[] {
  const { name } = verbOf(command.words);
  // `package=1.2.3.4` is a version.
  const words = PACKAGE_MANAGERS.test(name)
    ? command.words.filter((word) => !/=[\d.]+/.test(word))
    : command.words;
  // A word that is a URL was quoted where it had to be; within other words commands may stand.
  const urls = words.filter(isUrl);
  const line = words.filter((word) => !isUrl(word)).join(" ");
  const bodies = command.redirects.flatMap(
    ({ body, operator, target }) => body ?? (operator === "<<<" ? target : []),
  );
  const texts = [line, ...command.assignments.map(({ value }) => value), ...bodies].filter(Boolean);
  const target = command.redirects.find(({ operator }) => operator.includes(">"))?.target;
  return [
    ...urls.flatMap((url) => wholeUrl(url)),
    ...texts.flatMap(scanText),
    ...(/^\/dev\/(?:tcp|udp)\//.test(target ?? "") ? scanText(target ?? "") : []),
    ...hostsOf(command),
    // A line of known_hosts names whom they would connect to.
    ...(/known_hosts/.test(target ?? "") ? [] : texts.flatMap((text) => sshKeysIn(text, { file: target }))),
    ...accountsOf(command, before, own),
    ...plantedBy(command, before),
    ...tamperingOf(command),
    ...agentOf(command),
  ];
}

/** All of a word, without variables and braces that stand for several. */
function isUrl(word: string): boolean {
  return /^[a-z][a-z0-9+]{1,15}:\/\/[^\s"`<>$\\]+$/i.test(word) && !/\{[^}]*,/.test(word);
}

/** `crontab FILE`, `crontab -`: what was printed to a file or a group of commands before may be what it reads. */
function installsCrontab({ words }: SimpleCommand): boolean {
  const { name, operands } = verbOf(words);
  return name === "crontab" && !operands.some((word) => /^-[lrei]/.test(word));
}

function decoded(command: SimpleCommand, before: SimpleCommand | undefined): ByteString | undefined {
  const { name, operands } = verbOf(command.words);
  const decodes =
    (name === "base64" && operands.some((word) => /^(?:-[a-zA-Z]*[dD]|--decode)/.test(word))) ||
    (name === "openssl" && operands.includes("-d") && operands.some((word) => /^-?(?:base64|a)$/.test(word)));
  const text = decodes ? givenLines(command, before).join("") : "";
  if (text.length < 8 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64").toString("latin1") as ByteString;
  return isText(bytes) ? bytes : undefined;
}

/** Nothing that no text has. */
export function isText(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- the control characters are what is asked about
  return !/[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/.test(text);
}

const PACKAGE_MANAGERS = /^(?:apt(?:-get|itude)?|dpkg|yum|dnf|apk|pip3?|npm|gem|cargo|go|snap|opkg)$/;
const DEEPEST = 3;
