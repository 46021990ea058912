import type { ByteString } from "../../model/bytes.ts";
import type { SimpleCommand } from "../simple-commands.ts";
import type { Found } from "./indicator.ts";
import { optionValue, verbOf } from "./verb.ts";

/** The user agent that a command tells `wget` or `curl` to give itself out as. */
export function agentOf({ words }: SimpleCommand): Found[] {
  const { name, operands } = verbOf(words);
  if (name !== "wget" && name !== "curl") return [];
  const given = optionValue(operands, name === "wget" ? "U" : "A", "user-agent");
  const headers = operands.flatMap((word, at) => {
    const isHeader = word === "--header" || (name === "curl" && word === "-H");
    return isHeader ? (operands[at + 1] ?? []) : word.startsWith("--header=") ? word.slice(9) : [];
  });
  const [header] = headers.flatMap((one) => /^user-agent:[ \t]{0,16}(.{1,2048})$/i.exec(one)?.[1] ?? []);
  return [...agent(given), ...agent(header)];
}

/** The user agent of an HTTP request that begins a text, but for what the sandbox's own `wget` and `curl` call themselves. */
export function agentIn(text: string): Found[] {
  const head = text.slice(0, LONGEST_HEAD).split(/\r?\n\r?\n/, 1)[0] ?? "";
  if (!/^[A-Z]{3,10} \S{1,2048} HTTP\/1/.test(head)) return [];
  const [, said] = /\nuser-agent:[ \t]{0,16}([^\r\n]{1,2048})/i.exec(head) ?? [];
  return said === undefined || /^(?:Wget|curl)\/[\d.]{1,16}\s*$/.test(said) ? [] : agent(said);
}

/** Not where a variable stands in it. */
function agent(said: string | undefined): Found[] {
  const value = said?.trim() ?? "";
  return value === "" || /[$`]/.test(value) ? [] : [{ kind: "user-agent", value: value as ByteString }];
}

const LONGEST_HEAD = 4096;
