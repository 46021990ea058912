import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { raiseFence, reapFence, type Fence } from "../../firewall/fence.ts";
import { freeSubnet } from "../../firewall/subnet.ts";
import { lowerWitness, raiseNeighbourWitness, raiseWitness } from "../../firewall/witness.ts";
import type { Persona } from "../../model/persona.ts";
import type { Policy } from "../../model/policy.ts";
import { networksOf } from "../../policy/resolve.ts";
import { Artifacts } from "../../sandbox/artifacts.ts";
import { disguiseFor } from "../../sandbox/disguise.ts";
import type { Engine } from "../../sandbox/docker.ts";
import { learnEngine } from "../../sandbox/engine-facts.ts";
import { makeHostKeys } from "../../sandbox/image/host-keys.ts";
import { makeSandbox, type AssignedSandbox, type Ground, type SandboxKit } from "../../sandbox/lifecycle.ts";
import { requireEngine } from "../../sandbox/limits.ts";
import { ensureNetwork } from "../../sandbox/network.ts";
import { PasswordHasher } from "../../sandbox/password-hash.ts";
import { PastKeeper } from "../../sandbox/past/keeper.ts";
import { reap } from "../../sandbox/reap.ts";
import { Strays } from "../../sandbox/strays.ts";
import { ControlGroups } from "../../sandbox/units.ts";
import { buildDisguise } from "../../warden/disguise-program.ts";
import { groundOf } from "../../warden/ground.ts";
import { Warning } from "../finding.ts";
import { outpostCertificate } from "../../warden/outpost-certificate.ts";
import { Outside } from "../../warden/outside.ts";

export interface StageOptions {
  /** Held by the caller; there is nothing in it. */
  readonly slot: number;
  readonly policy: Policy;
  readonly engine: Engine;
  readonly persona: Persona;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** What a gateway in this slot would be but its listeners: fence, network, outpost, and two sandboxes in which nobody is. */
export interface Stage extends AsyncDisposable {
  readonly fence: Fence;
  readonly prober: StagedSandbox;
  readonly neighbour: StagedSandbox;
}

export interface StagedSandbox {
  readonly container: string;
  readonly address: string;
  readonly mac: string;
  /** Its first process. */
  readonly pid: number;
}

/**
 * Made in the order and by the code of a gateway, with witnesses around it from before the first container on. Whatever
 * happens, all of it is taken down again.
 * @throws MitsubakoError as a start does; the signal's reason.
 */
export async function buildStage(options: StageOptions): Promise<Stage> {
  const { slot, policy, engine, signal, log } = options;
  await using held = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-probe-"));
  held.defer(() => rm(folder, { recursive: true, force: true }));
  const facts = await learnEngine(engine);
  requireEngine(policy, facts);

  held.defer(() => reapFence(slot));
  const { network, profiles } = networksOf(policy);
  // Never the policy's own subnet, which a gateway that runs has already.
  const fence = await raiseFence({ slot, subnet: await freeSubnet(slot), network, profiles });
  held.defer(() => fence.sources[Symbol.asyncDispose]());
  held.defer(() => lowerWitness(slot));
  await raiseWitness(fence.plan).catch(unwatched);
  signal.throwIfAborted();

  held.defer(async () => {
    await reap({ engine, slot });
  });
  const { plan } = fence;
  const [sandboxes, hostKeys] = await everyOne([
    ensureNetwork(engine, slot, { subnet: plan.subnet.cidr, gateway: plan.gateway }),
    makeHostKeys(join(folder, "keys"), options.persona.hostname),
  ] as const);
  // With `deny` it would only read netfilter's log.
  if (fence.egress.isOpen)
    held.use(
      await Outside.start({
        slot,
        fence,
        network: () => network,
        tls: await outpostCertificate(folder),
        onFact: () => undefined,
        log,
      }),
    );
  const ground = new ListeningGround(groundOf(fence));
  const kit: SandboxKit = {
    engine,
    facts,
    network: sandboxes,
    persona: options.persona,
    hostKeys,
    past: new PastKeeper(hostKeys, options.persona.hostname),
    artifacts: new Artifacts(join(folder, "artifacts")),
    hasher: held.use(new PasswordHasher()),
    ground,
    strays: new Strays(),
    disguise: disguiseFor({
      program: await buildDisguise(join(folder, "tools"), log),
      facts,
      wanted: policy.sandbox.disguise,
      log,
    }),
    controlGroups: new ControlGroups(log),
  };
  const made: AssignedSandbox[] = [];
  held.defer(() => removeAll(made));
  const oneMore = async (): Promise<StagedSandbox> => {
    const sandbox = (await makeSandbox(kit, policy.sandbox, signal)).assign();
    made.push(sandbox);
    return { container: sandbox.container, address: sandbox.address, ...ground.startedAt(sandbox.address) };
  };
  const [prober, neighbour] = await everyOne([oneMore(), oneMore()] as const);
  await raiseNeighbourWitness(neighbour.pid, prober);
  const given = held.move();
  return { fence, prober, neighbour, [Symbol.asyncDispose]: () => given.disposeAsync() };
}

/** The fence may be iptables' on a kernel that has nothing else. What nobody watches, and holds back, is not tried. */
function unwatched(error: unknown): never {
  const why = error instanceof Error ? error.message : String(error);
  throw new Warning(
    `nothing was tried from inside a sandbox: it is watched with nft, which does not work here (${why}). A kernel with nf_tables, and nftables installed, let it.`,
  );
}

/** All at once; the failure of one is no reason to keep the others. */
async function removeAll(sandboxes: readonly AssignedSandbox[]): Promise<void> {
  await everyOne(sandboxes.map((sandbox) => sandbox.remove()));
}

/** As Promise.all, but nothing of it is still under way when the first failure is told: what was made can be taken down. */
async function everyOne<T extends readonly Promise<unknown>[]>(
  works: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(works);
  return Promise.all(works);
}

/** Remembers what the ground is told of the sandboxes. */
class ListeningGround implements Ground {
  readonly #started = new Map<string, { readonly mac: string; readonly pid: number }>();
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  readonly admit: Ground["admit"] = (address) => this.#ground.admit(address);
  readonly assigned: Ground["assigned"] = (address, network) => this.#ground.assigned(address, network);
  readonly ending: Ground["ending"] = (address) => this.#ground.ending(address);
  readonly dismiss: Ground["dismiss"] = (address) => this.#ground.dismiss(address);
  readonly started: Ground["started"] = async (sandbox) => {
    this.#started.set(sandbox.address, { mac: sandbox.mac, pid: sandbox.pid });
    await this.#ground.started(sandbox);
  };

  startedAt(address: string) {
    const heard = this.#started.get(address);
    if (heard === undefined) throw new Error(`nothing was said of a sandbox at ${address}`);
    return heard;
  }
}
