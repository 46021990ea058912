/** What the YAML parser found, in words that say what to write instead. */
import type { ErrorCode, YAMLParseError } from "yaml";

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: "write two spaces for each level",
  BAD_INDENT: "let it begin as far in as the keys beside it",
  BLOCK_AS_IMPLICIT_KEY:
    "write each key in a line of its own, as far in as the keys beside it; text with a colon and a space goes in quotes",
  MULTILINE_IMPLICIT_KEY: "write `key: value`, with a space after the colon, in one line",
  BAD_SCALAR_START: "put it in quotes",
  BAD_ALIAS: "text that starts with & or * goes in quotes",
  BAD_DQ_ESCAPE: "in double quotes write the backslash twice, or use single quotes",
  BAD_COLLECTION_TYPE: "a tag has no use here: remove it",
  UNEXPECTED_TOKEN:
    "remove it, or put the whole text in quotes; all keys of the file begin in the first column",
};

const MESSAGES: readonly (readonly [beginning: string, ours: string])[] = [
  ["Implicit map keys need", "this is no key with a value: write `key: value`, or remove it"],
  ["Missing closing ", "a quote is not closed: write it at the end of the text"],
  [
    "Flow map in block collection",
    "a `{` is not closed: write the `}`, and begin no line before it in the first column",
  ],
  [
    "Flow sequence in block collection",
    "a `[` is not closed: write the `]`, and begin no line before it in the first column",
  ],
];

export function yamlMessage({ code, message }: Pick<YAMLParseError, "code" | "message">): string {
  if (message.includes("call stack")) return "nested far too deeply: no policy looks like this";
  if (message.includes("multiple documents"))
    return "a policy is one YAML document: remove the line with ---";
  const ours = MESSAGES.find(([beginning]) => message.startsWith(beginning));
  if (ours !== undefined) return ours[1];
  const said = message.replace(/^Plain value/, "text");
  const remedy = REMEDIES[code];
  return remedy === undefined ? said : `${said}; ${remedy}`;
}
