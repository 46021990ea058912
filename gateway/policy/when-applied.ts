/** From when on a changed value holds. What is named here is what the warden and the fronts do with a new policy. */
export type Applies = "at once" | "new sandboxes" | "new connections" | "next start";

/** The first that the path begins with decides. */
const WHEN: readonly (readonly [string, Applies])[] = [
  ["listen", "next start"],
  ["sensor", "next start"],
  ["persona.hostname", "new sandboxes"],
  ["persona", "new connections"],
  ["auth.memory", "next start"],
  ["auth.maxTries", "new connections"],
  ["auth.methods", "new connections"],
  ["auth", "at once"],
  ["source", "at once"],
  ["sandbox.most", "at once"],
  ["sandbox.spares", "at once"],
  ["sandbox.mode", "at once"],
  ["sandbox.idle", "at once"],
  ["sandbox", "new sandboxes"],
  ["deadlines", "at once"],
  ["limits.diskFloor", "at once"],
  ["limits", "new connections"],
  ["network.engine", "next start"],
  ["network.subnet", "next start"],
  ["network", "at once"],
  ["evidence.processes", "next start"],
  ["evidence.watchFiles", "next start"],
  ["evidence", "at once"],
  ["events", "at once"],
  ["retention", "at once"],
  ["geo", "at once"],
  ["profiles", "at once"],
];

/** `path` as changes have it, such as `auth.rules[0].user` or `profiles[1].sandbox.memory`. */
export function whenApplied(path: string): Applies {
  const inProfile = /^profiles\[\d+\]\.((?!name\b|match\b).+)$/.exec(path)?.[1];
  return when(inProfile ?? path);
}

function when(path: string): Applies {
  const entry = WHEN.find(
    ([prefix]) => path === prefix || path.startsWith(`${prefix}.`) || path.startsWith(`${prefix}[`),
  );
  if (entry === undefined) throw new Error(`nobody has said when ${path} applies`);
  return entry[1];
}
