/** One phase's verdict. */
import assert from "node:assert/strict";
import { compare, differsInEndAlone, questionsIn, show, type Phase, type Ports } from "./compare.ts";
import { knownOf } from "./known.ts";

const MOST_SHOWN = 20;
/** Answers of a phase that may differ in how the connection ends, and in nothing else. */
const MOST_ENDS = 3;

/** Fails when an answer differs that is not known to. Returns how many differ. */
export async function mustBeAlike(phase: Phase, ports: Ports): Promise<number> {
  const known = knownOf();
  const differences = await compare(phase, ports);
  const questions = questionsIn(phase);
  console.log(`${phase.name}: ${questions - differences.length} of ${questions} alike`);
  assert.deepEqual(
    phase.probes
      .flatMap(({ name }) => (name in known ? [name] : []))
      .filter((name) => !differences.some((difference) => difference.name === name)),
    [],
    "these are alike by now, and no longer among the known differences",
  );
  const inEndAlone = differences.filter(differsInEndAlone);
  assert.ok(inEndAlone.length <= MOST_ENDS, `\n${inEndAlone.map(show).join("\n")}`);
  const unknown = differences.filter((each) => !(each.name in known) && !inEndAlone.includes(each));
  assert.ok(unknown.length === 0, `\n${unknown.slice(0, MOST_SHOWN).map(show).join("\n")}`);
  return differences.length;
}
