/** Whether bash would put something of its history into the line (`!!`, `!$`, `^old^new`), after which it says the line anew. */
export function expandsHistory(line: string): boolean {
  if (/^\^[^^\n]+\^/.test(line)) return true;
  const unquoted = line.replace(/\\[^]|'[^']*'/g, "  ");
  return /(?<!\$)!(?:!|\$|\*|\^|-?\d|#|\?|[A-Za-z_/.])/.test(unquoted);
}

/** Whether the line that was said after it is what it stood for: what the history does not change is in both. */
export function isExpansionOf(typed: string, said: string): boolean {
  if (typed.startsWith("^")) return true;
  const before = typed.slice(0, Math.max(0, typed.search(/(?<!\\)!/)));
  return said !== typed && said.startsWith(before) && !failsToExpand(said);
}

/** What bash says instead, when it finds nothing to put in. */
export function failsToExpand(said: string): boolean {
  return /: (?:event not found|substitution failed|bad word specifier)$/.test(said);
}
