/** How many of a crowd sshd turns away by MaxStartups 10:30:100, from its manual page: a chance that rises in a line from 30 % at ten to all at a hundred. */
const [BEGIN, PERCENT, FULL] = [10, 30, 100];
/** So seldom that it is no chance. */
const NEVER = 1e-9;

function chanceAt(pending: number): number {
  if (pending < BEGIN) return 0;
  if (pending >= FULL) return 1;
  return (PERCENT + Math.trunc(((100 - PERCENT) * (pending - BEGIN)) / (FULL - BEGIN))) / 100;
}

/** Of `crowd` that come one after the other and stay: the fewest and the most that chance turns away. */
export function turnedAway(crowd: number): { readonly least: number; readonly most: number } {
  // By how many were let in so far.
  let chances = new Map([[0, 1]]);
  for (let count = 0; count < crowd; count++) {
    const next = new Map<number, number>();
    const add = (pending: number, chance: number) => next.set(pending, (next.get(pending) ?? 0) + chance);
    for (const [pending, chance] of chances) {
      add(pending, chance * chanceAt(pending));
      add(pending + 1, chance * (1 - chanceAt(pending)));
    }
    chances = next;
  }
  const letIn = [...chances].sort(([one], [other]) => one - other);
  const first = (ordered: typeof letIn) => {
    let sum = 0;
    for (const [pending, chance] of ordered) if ((sum += chance) > NEVER) return pending;
    throw new Error("chances that do not add up");
  };
  return { least: crowd - first(letIn.toReversed()), most: crowd - first(letIn) };
}
