import { availableParallelism, hostname } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { raiseFence, reapFence, type Fence } from "./firewall/fence.ts";
import { freeSubnet, parseSubnet } from "./firewall/subnet.ts";
import type { Endpoint } from "./model/endpoint.ts";
import type { LoadedPolicy, Policy } from "./model/policy.ts";
import { ARCHIVIST_INDEX, childUid, COURIER_INDEX, FIRST_HELPER_INDEX } from "./model/slot.ts";
import { circumstancesHere } from "./policy/circumstances.ts";
import { loadPlaced, type PlacedPolicy } from "./policy/load.ts";
import { renderProblem } from "./policy/problem.ts";
import { everyPolicy, networksOf } from "./policy/resolve.ts";
import { warnings } from "./policy/warnings.ts";
import { PolicyWatch, type PolicyUpdate } from "./policy/watch.ts";
import { Engine } from "./sandbox/docker.ts";
import { learnEngine } from "./sandbox/engine-facts.ts";
import { buildImage } from "./sandbox/image/build.ts";
import { requireEngine } from "./sandbox/limits.ts";
import { reap } from "./sandbox/reap.ts";
import { inquire } from "./ssh/inquiry/inquire.ts";
import { openDataFolder, saveIdentity, layOut } from "./warden/data-folder.ts";
import { claimAddresses } from "./warden/listeners.ts";
import { Machines } from "./warden/machines.ts";
import { takeSlot } from "./warden/slot.ts";
import { startWarden, type Warden } from "./warden/warden.ts";

export interface ServeOptions {
  /** Absolute paths. */
  readonly policy: string;
  readonly data: string;
  /** In place of the policy's. */
  readonly listen?: readonly Endpoint[];
  readonly progress: (step: { percent: number; text: string }) => void;
  readonly log: Logger;
}

export interface Gateway {
  readonly addresses: readonly Endpoint[];
  readonly slot: number;
  readonly warden: Warden;
  readonly policy: LoadedPolicy;
  readonly data: string;
  /** Reads the policy again, as SIGHUP asks. */
  reload(): Promise<void>;
  /** Ends what is still open within the policy's time, captures and removes every sandbox, lowers the fence. */
  stop(): Promise<void>;
}

/**
 * Puts a gateway together: what can be refused is looked at first, then everything is taken in the order in which it
 * holds: data folder, slot, fence, network, sandboxes, archivist, fronts. It is given back in reverse.
 *
 * @throws MitsubakoError with the remedy for whatever is missing.
 */
export async function startGateway(options: ServeOptions): Promise<Gateway> {
  const { log } = options;
  const placed = await loadPlaced(options.policy);
  const { loaded } = placed;
  const { policy } = loaded;
  const addresses = await claimAddresses(options.listen ?? policy.listen);

  await using held = new AsyncDisposableStack();
  const data = held.use(await openDataFolder(options.data));
  const { slot } = held.use(await takeSlot(data.identity.slot));
  const engine = new Engine();
  const facts = await learnEngine(engine);
  for (const each of everyPolicy(policy)) requireEngine(each, facts);
  const circumstances = { ...circumstancesHere(), userNamespaces: facts.remap.uid !== 0 };
  const warnOf = (one: PlacedPolicy) => {
    for (const warning of warnings(one.loaded.policy, one.document, circumstances))
      log.warn(renderProblem(warning));
  };
  warnOf(placed);
  await buildImages(policy, engine, join(data.path, "personas"), options.progress);
  await saveIdentity(data.path, { ...data.identity, slot });
  const fronts = Array.from({ length: Math.min(availableParallelism(), FIRST_HELPER_INDEX) }, (_, index) =>
    ownerOf(slot, index),
  );
  await layOut(data.path, ownerOf(slot, ARCHIVIST_INDEX), ownerOf(slot, COURIER_INDEX), fronts);

  // Whatever carries this slot's number is ours to remove: nobody else holds the slot.
  for (const { kind, name } of await reap({ engine, slot }))
    log.info(`removed the ${kind} ${name}, left by a gateway that died`);
  await reapFence(slot);
  const fence = await raisedFence(slot, policy);
  held.defer(() => fence.lower());

  const machines = new Machines({ engine, keys: join(data.path, "keys") });
  await machines.prepare(policy);
  const warden = held.use(
    await startWarden({
      slot,
      data,
      engine,
      fence,
      machines,
      addresses,
      policy: loaded,
      fronts: fronts.length,
      sensor: policy.sensor ?? hostname(),
      log,
    }),
  );
  const updated = async (update: PolicyUpdate) => {
    if (update.outcome === "changed") warnOf(update);
    const { inForce, turnedDown } = await warden.updated(update);
    if (turnedDown !== undefined) watch.turnDown(update.loaded, inForce, turnedDown);
  };
  const watch = held.use(
    await PolicyWatch.start(loaded, {
      onUpdate: (update) => {
        void updated(update);
      },
    }),
  );
  const given = held.move();
  return {
    addresses,
    slot,
    warden,
    policy: loaded,
    data: data.path,
    async reload() {
      await updated(await watch.reload());
    },
    stop: () => given.disposeAsync(),
  };
}

/** Of the policy and of its profiles. Seldom does anything. */
async function buildImages(
  policy: Policy,
  engine: Engine,
  personas: string,
  progress: ServeOptions["progress"],
): Promise<void> {
  for (const persona of new Set(everyPolicy(policy).map((each) => each.persona.name)))
    await buildImage(engine, { persona, personas, inquire, progress });
}

async function raisedFence(slot: number, policy: Policy): Promise<Fence> {
  const subnet =
    policy.network.subnet === undefined ? await freeSubnet(slot) : parseSubnet(policy.network.subnet);
  return raiseFence({ slot, subnet, ...networksOf(policy) });
}

function ownerOf(slot: number, index: number): { uid: number; gid: number } {
  const uid = childUid(slot, index);
  return { uid, gid: uid };
}
