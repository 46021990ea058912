import type { Logger } from "pino";
import { readHost } from "../../firewall/own-networks.ts";
import { readNeighbourWitness, readWitness } from "../../firewall/witness.ts";
import { MitsubakoError } from "../../model/errors.ts";
import type { Policy } from "../../model/policy.ts";
import type { Engine } from "../../sandbox/docker.ts";
import { findPersona } from "../../sandbox/image/find.ts";
import { look, Warning, type Finding } from "../finding.ts";
import { freeSlot, remainsIn } from "./free-slot.ts";
import { tryInside } from "./inside.ts";
import { judge, sightingOf, type Arrival, type Outcome } from "./judge.ts";
import { buildStage, type Stage } from "./stage.ts";
import { triesOf, type Try } from "./tries.ts";

export interface ProbeOptions {
  readonly policy: Policy;
  readonly engine: Engine;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** When all stands and nothing was tried: the moment to break something, for whoever wants to see that it is found. */
  readonly beforeTries?: (stage: Stage) => Promise<void>;
}

/** What root in a sandbox of this policy can reach on this machine: tried live, and all of it taken down again. */
export async function probe(options: ProbeOptions): Promise<Finding[]> {
  const { engine } = options;
  const began = performance.now();
  const findings: Finding[] = [];
  findings.push(await look("probe", () => tried().catch(asOne)));
  // What it is about comes first.
  return [...findings.slice(-1), ...findings.slice(0, -1)];

  async function tried(): Promise<string> {
    const persona = await findPersona(engine, options.policy.persona).catch(asWarning);
    await using lease = await freeSlot(engine).catch(asWarning);
    if (lease === undefined)
      throw new Warning(
        `${NOT_TRIED}: every slot of this machine is in use, or holds what a dead gateway left. \`mitsubako reap\` removes the latter.`,
      );
    const { slot } = lease;
    try {
      await using stage = await buildStage({ ...options, slot, persona });
      findings.push(...(await trialsOn(stage, slot, options)));
    } finally {
      findings.push(await look("probe: what it leaves", () => nothingIn(engine, slot)));
    }
    const { egress } = options.policy.network;
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    return `tried from inside a throw-away sandbox with network.egress: ${egress}, in slot ${slot}; ${seconds} s`;
  }
}

const NOT_TRIED = "nothing was tried from inside a sandbox";

/** What a first start brings by itself, or another finding is about. Everything else that fails would fail for a gateway, too. */
function asWarning(error: unknown): never {
  if (error instanceof MitsubakoError && (error.code === "image-missing" || error.code === "engine-dead"))
    throw new Warning(`${NOT_TRIED}. ${error.message} ${error.remedy ?? ""}`.trim());
  throw error;
}

/** A failure, and then another one in taking down what stood: both are told. */
function asOne(error: unknown): never {
  if (!(error instanceof SuppressedError)) throw error;
  const told = (each: unknown) => (each instanceof Error ? each.message : String(each));
  throw new Error(`${told(error.suppressed)} Then: ${told(error.error)}`, { cause: error });
}

async function trialsOn(stage: Stage, slot: number, options: ProbeOptions): Promise<Finding[]> {
  const { fence, prober, neighbour } = stage;
  const { plan, egress } = fence;
  const { engine, policy, signal } = options;
  const standing = await look("probe: the fence", async () => {
    const faults = await fence.check();
    if (faults.length > 0) throw new Error(`it did not come to stand as planned: ${faults.join("; ")}.`);
    return "stands as planned";
  });
  await options.beforeTries?.(stage);
  const tries = triesOf({
    plan,
    egress,
    neighbour: neighbour.address,
    host: await readHost([plan.bridge, plan.outpost.link]),
    listens: [...new Set(policy.listen.map(({ port }) => port))].filter((port) => port > 0).slice(0, 2),
  });
  let inside: Awaited<ReturnType<typeof tryInside>>;
  try {
    inside = await tryInside(engine, prober.container, tries, signal);
  } catch (error) {
    if (error instanceof MitsubakoError && error.code === "not-found")
      throw new Warning(
        `${NOT_TRIED}: ${error.message} Install it in the persona's image, as Debian has it.`,
      );
    throw error;
  }
  const seen = await readWitness(slot);
  const beside = await readNeighbourWitness(neighbour.pid);
  const outcomeOf = (attempt: Try, id: number): Outcome => {
    const sighting = sightingOf(attempt);
    const places: [Arrival, ReadonlySet<string>][] = [
      ["out", seen.out],
      ["host", seen.host],
      ["outpost", seen.outpost],
      ["neighbour", beside.sightings],
    ];
    return {
      inside: inside[id],
      isSent: seen.sent.has(sighting),
      arrivals: places.flatMap(([arrival, sightings]) => (sightings.has(sighting) ? [arrival] : [])),
      asked: [...seen.asked].map((each) => each.split(" ")[0] ?? ""),
    };
  };
  return [
    standing,
    ...(await Promise.all(tries.map((attempt, id) => judge(attempt, outcomeOf(attempt, id))))),
    await look("probe: any frame to the other sandbox", () => {
      if (beside.frames > 0)
        throw new Error(
          `${beside.frames} came through to it, ARP and broadcasts counted. It should be none.`,
        );
      return "none came through, as it should be";
    }),
  ];
}

async function nothingIn(engine: Engine, slot: number): Promise<string> {
  const remains = await remainsIn(engine, slot);
  if (remains.length > 0)
    throw new Error(`${remains.join(", ")}. \`mitsubako reap\` removes it, once the engine answers.`);
  return "nothing";
}
