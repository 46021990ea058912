import { circumstancesHere } from "../policy/circumstances.ts";
import type { PlacedPolicy } from "../policy/load.ts";
import { renderProblem } from "../policy/problem.ts";
import { warnings } from "../policy/warnings.ts";
import type { Engine } from "../sandbox/docker.ts";
import { learnEngine } from "../sandbox/engine-facts.ts";
import type { Finding } from "./finding.ts";

/** What `policy check` warns of, with what the engine says. Where it does not answer that is found elsewhere. */
export async function policyWarnings({ loaded, document }: PlacedPolicy, engine: Engine): Promise<Finding[]> {
  const facts = await learnEngine(engine).catch(() => undefined);
  const circumstances = {
    ...circumstancesHere(),
    ...(facts === undefined ? {} : { userNamespaces: facts.remap.uid !== 0 }),
  };
  return warnings(loaded.policy, document, circumstances).map((warning) => ({
    ...{ what: "policy", state: "warning", says: renderProblem(warning) },
  }));
}
