/** From when on a changed value holds. What is named here is what the warden and the fronts do with a new policy. */
export type Applies = "at once" | "new sandboxes" | "new connections" | "next start";

/** The first that the path begins with decides. */
const WHEN: readonly (readonly [string, Applies])[] = [
  ["listen", "next start"],
  ["sensor", "next start"],
  ["persona.banner", "new connections"],
  ["persona", "next start"],
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

/** What a profile sets has the same meaning as in the policy; what it cannot be told of a policy's start can be told of a sandbox. */
const IN_PROFILES: readonly (readonly [string, Applies])[] = [["persona.hostname", "new sandboxes"]];

/** `path` as changes have it, such as `auth.rules[0].user` or `profiles[1].sandbox.memory`. */
export function whenApplied(path: string): Applies {
  const inProfile = /^profiles\[\d+\]\.((?!name\b|match\b).+)$/.exec(path)?.[1];
  return inProfile === undefined ? when(path, WHEN) : when(inProfile, [...IN_PROFILES, ...WHEN]);
}

function when(path: string, table: typeof WHEN): Applies {
  const entry = table.find(
    ([prefix]) => path === prefix || path.startsWith(`${prefix}.`) || path.startsWith(`${prefix}[`),
  );
  if (entry === undefined) throw new Error(`nobody has said when ${path} applies`);
  return entry[1];
}
