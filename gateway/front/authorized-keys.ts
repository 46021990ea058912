/**
 * Looks a key up in an authorized_keys file as sshd does (sshd(8), AUTHORIZED_KEYS FILE FORMAT): the first line that
 * holds it counts, with the options that stand before it.
 *
 * @param file the file's bytes, as they lie in the sandbox; hostile.
 * @param blob the key in wire form.
 * @returns the line's options, "" for none; undefined when the key is not there.
 */
export function optionsOfKey(file: Uint8Array, blob: Uint8Array): string | undefined {
  const wanted = Buffer.from(blob).toString("base64").replace(/=+$/, "");
  for (const line of Buffer.from(file).toString("latin1").split("\n")) {
    const found = optionsBefore(line.trim(), wanted);
    // A certificate authority's line does not let the authority's own key in.
    if (found !== undefined && !/(^|,)cert-authority(,|$)/i.test(found)) return found;
  }
  return undefined;
}

const KEY_TYPE = /^(?:ssh-|ecdsa-sha2-|sk-)[a-z0-9@.-]+$/;

function optionsBefore(line: string, wanted: string): string | undefined {
  if (line === "" || line.startsWith("#")) return undefined;
  let options = "";
  let fields = splitUnquoted(line);
  if (!KEY_TYPE.test(fields[0] ?? "")) {
    options = fields[0] ?? "";
    fields = fields.slice(1);
  }
  if (!KEY_TYPE.test(fields[0] ?? "")) return undefined;
  return fields[1]?.replace(/=+$/, "") === wanted ? options : undefined;
}

/** At most three fields and the rest: white space inside double quotes does not separate, `\"` does not end a quote. */
function splitUnquoted(line: string): string[] {
  const fields: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at <= line.length && fields.length < 4; at++) {
    const character = line[at];
    if (character === "\\" && line[at + 1] === '"') at++;
    else if (character === '"') quoted = !quoted;
    else if (character === undefined || (!quoted && (character === " " || character === "\t"))) {
      if (at > start) fields.push(line.slice(start, at));
      start = at + 1;
    }
  }
  return fields;
}
