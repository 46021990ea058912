import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Capture, Traffic } from "../model/capture.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { SandboxId, SessionId } from "../model/ids.ts";
import type { Machine, ShownMachine } from "../model/persona.ts";
import type { Policy } from "../model/policy.ts";
import { Artifacts } from "./artifacts.ts";
import { disguiseFor } from "./disguise.ts";
import type { Engine } from "./docker.ts";
import { learnEngine } from "./engine-facts.ts";
import { watchEnds } from "./engine-events.ts";
import { Lease } from "./lease.ts";
import { makeSandbox, type AssignedSandbox, type Ground, type ReadySandbox } from "./lifecycle.ts";
import { checkEngine, requireEngine } from "./limits.ts";
import { ensureNetwork, type NetworkPlan } from "./network.ts";
import { Nursery, type Make, type Wish } from "./nursery.ts";
import { kindOf, Outfits } from "./outfits.ts";
import { PasswordHasher } from "./password-hash.ts";
import { roomForCapture, type Room } from "./room.ts";
import { macAddress } from "./spec.ts";
import { reap, reapUnknown } from "./reap.ts";
import { Strays } from "./strays.ts";
import type { Tenancy } from "./tenancy.ts";
import { ControlGroups } from "./units.ts";

export interface PoolOptions {
  readonly engine: Engine;
  readonly slot: number;
  readonly network: NetworkPlan;
  /** The policy in force; asked each time. */
  readonly policy: () => Policy;
  /** The machines of that policy and of its profiles, the policy's own first, each with the policy that makes it known; asked each time. */
  readonly machines: () => readonly (ShownMachine & { readonly policy: Policy })[];
  /** The folder `data/artifacts`. */
  readonly artifacts: string;
  readonly log: Logger;
  readonly ground: Ground;
  /** The program that `Disguise` runs; without one, sandboxes show that they are containers. */
  readonly disguise?: string | undefined;
  /** What a source changed. Its last session is the one whose end caused the capture. */
  readonly onCapture: (capture: Capture) => Promise<void>;
  /** What the sandbox with this address has sent and received by now; `network`: what holds for it. */
  readonly traffic?: (address: string, network: Policy["network"]) => Promise<Traffic | undefined>;
  /** A sandbox reached its total life, or the disk has no room for it any more: these sessions have to end. */
  readonly onExpired: (sessions: readonly SessionId[], reason: "sandbox-deadline" | "disk-floor") => void;
  /** What the machine's disk has left; asked each time. */
  readonly room: () => Room;
  /** A sandbox was captured and removed; these sessions had been in it. */
  readonly onGone?: (sessions: readonly SessionId[]) => void;
}

export interface Figures {
  readonly sandboxes: number;
  readonly spares: number;
  readonly sources: number;
  readonly profiles: Readonly<Record<string, number>>;
}

/** Who is in a sandbox, and who was. */
export interface Occupants {
  readonly sandbox: SandboxId;
  /** In the order in which they left it; then those that are in it, in the order in which they came. */
  readonly sessions: readonly SessionId[];
}

/** Milliseconds from the last session's end to the capture, so that a source that logs in again at once does not wait. */
const CAPTURE_AFTER = 1000;
/** Milliseconds that sessions get to end when their sandbox's life is over. */
const EXPIRY_GRACE = 15_000;
/** Milliseconds that sessions get to end when the disk is nearly full: their sandbox goes on writing meanwhile. */
const SHORT_GRACE = 500;
/** Milliseconds without a session after which a sandbox makes way for a spare. */
const STALE_AFTER = 60_000;
/** The policy's own bound for `sandbox.most`. */
const MOST_EVER = 4096;

/**
 * Only behind a fence that stands. Spares are made in the background.
 * @throws MitsubakoError `engine-dead`, `engine-refused`, `engine-unfit`
 */
export async function startPool(options: PoolOptions): Promise<Pool> {
  const { engine, slot, ground } = options;
  const facts = await learnEngine(engine);
  requireEngine(options.policy(), facts);
  for (const sentence of checkEngine(options.policy(), facts)) options.log.warn(sentence);
  const network = await ensureNetwork(engine, slot, options.network);
  const artifacts = new Artifacts(options.artifacts);
  const hasher = new PasswordHasher();
  hasher.startAhead();
  const strays = new Strays();
  const wanted = options.policy().sandbox.disguise;
  const disguise = disguiseFor({ program: options.disguise, facts, wanted, log: options.log });
  const controlGroups = new ControlGroups(options.log);
  const common = { engine, facts, network, ground, strays, disguise, controlGroups, artifacts, hasher };
  return new Pool(options, new Outfits(common));
}

/** The sandboxes of a gateway: who has which, who waits, what goes. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #outfits: Outfits;
  readonly #nursery: Nursery;
  readonly #tenancies = new Map<string, Tenancy>();
  /** Those without a session, the longest unused first to go. Nothing that is in here has a live session. */
  readonly #idle: LRUCache<string, Tenancy>;
  /** All that have a sandbox which is not yet leaving, also those that are over. */
  readonly #held = new Set<Tenancy>();
  /** All whose sandbox was not removed yet, those that are leaving included. */
  readonly #present = new Set<Tenancy>();
  readonly #closing = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #watch: Promise<void>;

  constructor(options: PoolOptions, outfits: Outfits) {
    this.#options = options;
    this.#outfits = outfits;
    this.#idle = new LRUCache({
      max: MOST_EVER,
      ttl: 1,
      ttlAutopurge: true,
      dispose: (tenancy, _, reason) => {
        if (reason === "expire") void this.#close(tenancy);
      },
    });
    this.#nursery = new Nursery({
      kinds: () => this.#kinds,
      most: () => this.#policy.most,
      spares: () => (this.#options.room().isShort ? 0 : Math.min(this.#policy.spares, this.#policy.most)),
      isCurrent: (spare) => isSame(spare.policy, this.#policy),
      makeRoom: (forWhom) => this.#makeRoom(forWhom),
      log: options.log,
    });
    this.#watch = watchEnds({
      engine: options.engine,
      slot: options.slot,
      onEnd: (container) => {
        this.#ended(container);
      },
      known: () => this.#containers(),
      onEngine: () => {
        void this.#sweep();
      },
      signal: this.#stop.signal,
      log: options.log,
    });
    this.#nursery.pump();
  }

  /** Sandboxes that exist, spares that are ready, sources that have one; and of these, by name, those that go by a profile. */
  get figures(): Figures {
    const { count, spares } = this.#nursery;
    const profiles: Record<string, number> = Object.create(null) as Record<string, number>;
    for (const { profile } of this.#tenancies.values()) {
      const name = profile();
      if (name !== undefined) profiles[name] = (profiles[name] ?? 0) + 1;
    }
    return { sandboxes: count, spares, sources: this.#tenancies.size, profiles };
  }

  /** How many sources have a sandbox of that machine. */
  sourcesOf({ id }: Machine): number {
    return [...this.#tenancies.values()].filter(({ shown }) => shown.machine.id === id).length;
  }

  /** Whether this source has a sandbox of that machine; of the policy's own if absent. */
  living(source: string, { machine } = this.#usual): boolean {
    return this.#tenancies.get(tenancyKey(source, machine))?.sandbox !== undefined;
  }

  /** Of the sandbox with this address, or with this hardware address where there is no address to go by. */
  occupants(address: string | undefined, mac: string | undefined): Occupants | undefined {
    for (const { sandbox, sessions } of this.#present) {
      if (sandbox === undefined) continue;
      const isMeant = address === undefined ? macAddress(sandbox.id) === mac : sandbox.address === address;
      if (isMeant) return { sandbox: sandbox.id, sessions: [...sessions] };
    }
    return undefined;
  }

  /** Whether a sandbox that the session was in is still there: it may cause another capture. */
  remembers(session: SessionId): boolean {
    return [...this.#present].some(({ sessions }) => sessions.has(session));
  }

  /**
   * The source's sandbox, its own from before or a fresh one. Sessions of one source that ask at the same time share one.
   * `shown`: the machine that it has to be, and a fresh one's name; the policy's own if absent. `policy`: what holds for a fresh one as long as it lives, asked each time; the policy in force if absent. `profile`: of which profile that is.
   * @throws MitsubakoError `no-sandbox`; the signal's reason. Then nothing is held.
   */
  async lease(
    source: string,
    session: SessionId,
    signal: AbortSignal,
    policy = this.#options.policy,
    profile: Tenancy["profile"] = () => undefined,
    shown: ShownMachine = this.#usual,
  ): Promise<Lease> {
    signal.throwIfAborted();
    if (this.#stop.signal.aborted) throw new MitsubakoError("no-sandbox", "The gateway is stopping.");
    const key = tenancyKey(source, shown.machine);
    const tenancy = this.#tenancies.get(key) ?? this.#open({ key, source, shown, policy, profile });
    const lease = new Lease(session, source, (returned) => this.#release(tenancy, returned));
    tenancy.leases.add(lease);
    this.#idle.delete(key);
    clearTimeout(tenancy.captureTimer);
    try {
      const sandbox = await unlessAborted(tenancy.arrival, signal);
      await unlessAborted(tenancy.capturing ?? Promise.resolve(), signal);
      const isFirst = tenancy.sessions.size === 0;
      const others = [...tenancy.leases].some((other) => other !== lease && other.session !== session);
      tenancy.sessions.add(session);
      tenancy.isUsed = true;
      lease.grant({
        sandbox,
        state: isFirst ? "new" : others ? "shared" : "returning",
        expires: new Date(tenancy.expires),
        isAlive: () => !tenancy.isOver,
      });
      return lease;
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Whether sandboxes of that policy could be made as they have to be.
   * @throws MitsubakoError `engine-unfit`
   */
  require(policy: Policy): void {
    requireEngine(policy, this.#outfits.common.facts);
  }

  /** Looks again at what the policy wants: spares that are not as it wants them are replaced. */
  policyChanged(): void {
    this.#nursery.pump();
  }

  /** Removes the sandbox that has been without a session for longest. @returns whether there was one, when it is gone. */
  async evictIdle(): Promise<boolean> {
    const [longest] = this.#idle.rvalues();
    if (longest === undefined) return false;
    await this.#close(longest);
    return true;
  }

  /**
   * Ends the sessions in the sandbox that holds most of the disk, captures and removes it.
   * @returns whether there was one, when it is gone.
   */
  async endFullest(): Promise<boolean> {
    let fullest: { readonly tenancy: Tenancy; readonly bytes: number } | undefined;
    for (const tenancy of this.#held) {
      const bytes = (await tenancy.sandbox?.diskUsed()) ?? 0;
      if (fullest === undefined || bytes > fullest.bytes) fullest = { tenancy, bytes };
    }
    if (fullest === undefined) return false;
    const { tenancy, bytes } = fullest;
    const sessions = [...new Set([...tenancy.leases].map(({ session }) => session))];
    this.#options.log.warn(
      { sandbox: tenancy.sandbox?.id, bytes, sessions },
      "a sandbox is removed because it holds most of a disk that is nearly full",
    );
    this.#forget(tenancy);
    if (sessions.length > 0) {
      this.#options.onExpired(sessions, "disk-floor");
      await sleep(SHORT_GRACE);
    }
    await this.#close(tenancy);
    return true;
  }

  /** Captures and removes every sandbox and the network. Sessions should be over; those that are not lose theirs. */
  async drain(): Promise<void> {
    this.#stop.abort();
    const spares = this.#nursery.close();
    for (const tenancy of this.#tenancies.values()) tenancy.abandoned.abort(stopping());
    for (const tenancy of this.#held) void this.#close(tenancy);
    while (this.#closing.size > 0) await Promise.all(this.#closing);
    await spares;
    await this.#nursery.close();
    await this.#watch;
    this.#outfits.common.hasher[Symbol.dispose]();
    await this.#outfits.common.strays.sweep();
    const { engine, slot, log } = this.#options;
    // The engine may have made one whose making it did not live to tell of.
    for (const { kind, name } of await reap({ engine, slot }))
      if (kind !== "network") log.warn(`removed the ${kind} ${name}, which nobody here knew of`);
  }

  get #policy(): Policy["sandbox"] {
    return this.#options.policy().sandbox;
  }

  /** The machine of who meets no profile. */
  get #usual(): ShownMachine {
    const [first] = this.#options.machines();
    if (first === undefined) throw new Error("a policy has a machine");
    return first;
  }

  /** Those of which spares are kept, and how they are made. */
  get #kinds(): ReadonlyMap<string, Make> {
    const plain = this.#options.machines().filter(({ policy }) => isSame(policy.sandbox, this.#policy));
    return new Map(plain.map((shown) => [kindOf(shown), this.#making(shown, () => this.#policy)]));
  }

  #making(shown: ShownMachine, sandbox: () => Policy["sandbox"]): Make {
    return (signal) => {
      void this.#outfits.common.strays.sweep();
      return makeSandbox(this.#outfits.of(shown), sandbox(), signal);
    };
  }

  #open(asked: Pick<Tenancy, "key" | "source" | "shown" | "policy" | "profile">): Tenancy {
    if (this.#options.room().isShort)
      throw new MitsubakoError("no-sandbox", "The disk has less room than limits.diskFloor.");
    const abandoned = new AbortController();
    const tenancy: Tenancy = {
      ...asked,
      arrival: this.#nursery
        .take(abandoned.signal, this.#wishOf(asked))
        .then((ready) => this.#arrived(tenancy, ready)),
      sandbox: undefined,
      leases: new Set(),
      sessions: new Set(),
      expires: 0,
      lifeEnds: 0,
      lastCapture: undefined,
      lastTraffic: undefined,
      isUsed: false,
      isOver: false,
      idleSince: 0,
      capturing: undefined,
      closing: undefined,
      captureTimer: undefined,
      lifeTimer: undefined,
      abandoned,
    };
    this.#tenancies.set(asked.key, tenancy);
    tenancy.arrival.catch(() => {
      this.#forget(tenancy);
    });
    return tenancy;
  }

  /** A spare stands for it where there are such ones. */
  #wishOf({ shown, policy }: Pick<Tenancy, "shown" | "policy">): Wish {
    const { sandbox } = policy();
    const kind = kindOf(shown);
    return isSame(sandbox, this.#policy) && this.#kinds.has(kind)
      ? { kind, make: this.#making(shown, () => this.#policy) }
      : { make: this.#making(shown, () => sandbox) };
  }

  async #arrived(tenancy: Tenancy, ready: ReadySandbox): Promise<AssignedSandbox> {
    const { life } = tenancy.policy().sandbox;
    const sandbox = (tenancy.sandbox = ready.assign());
    tenancy.expires = Date.now() + life;
    tenancy.lifeEnds = performance.now() + life;
    tenancy.lifeTimer = setTimeout(() => {
      this.#expired(tenancy);
    }, life);
    this.#held.add(tenancy);
    this.#present.add(tenancy);
    this.#nursery.pump();
    try {
      // Whoever waits for it gets it after this.
      await ready.limitTo(() => tenancy.policy().network);
    } catch (error) {
      this.#forget(tenancy);
      void this.#close(tenancy);
      throw error;
    }
    return sandbox;
  }

  #release(tenancy: Tenancy, lease: Lease): Promise<void> {
    tenancy.leases.delete(lease);
    // The last to leave comes last.
    if (tenancy.sessions.delete(lease.session)) tenancy.sessions.add(lease.session);
    if (tenancy.leases.size > 0) return Promise.resolve();
    if (!tenancy.sandbox) {
      this.#forget(tenancy);
      tenancy.abandoned.abort(new MitsubakoError("no-sandbox", "Nobody waits for this sandbox any more."));
    } else if (tenancy.isOver || tenancy.policy().sandbox.mode === "fresh") void this.#close(tenancy);
    else this.#rest(tenancy);
    return Promise.resolve();
  }

  /** Nobody is in it; its source may come back. */
  #rest(tenancy: Tenancy): void {
    const left = tenancy.lifeEnds - performance.now();
    tenancy.idleSince = performance.now();
    this.#idle.set(tenancy.key, tenancy, {
      ttl: Math.max(1, Math.min(tenancy.policy().sandbox.idle, left)),
    });
    if (!tenancy.isUsed) return;
    tenancy.captureTimer = setTimeout(() => {
      void this.#capture(tenancy);
    }, CAPTURE_AFTER);
  }

  #expired(tenancy: Tenancy): void {
    this.#forget(tenancy);
    if (tenancy.leases.size === 0) {
      void this.#close(tenancy);
      return;
    }
    const sessions = [...new Set([...tenancy.leases].map(({ session }) => session))];
    this.#options.onExpired(sessions, "sandbox-deadline");
    // The sessions' ends close it; one that does not end loses it.
    tenancy.lifeTimer = setTimeout(() => {
      void this.#close(tenancy);
    }, EXPIRY_GRACE);
  }

  /** A container ended by itself: killed from inside, out of memory, or by the operator. */
  #ended(container: string): void {
    this.#nursery.lost(container);
    for (const tenancy of this.#held)
      if (tenancy.sandbox?.container === container) {
        this.#options.log.warn({ sandbox: tenancy.sandbox.id }, "a sandbox ended by itself");
        this.#forget(tenancy);
        if (tenancy.leases.size === 0) void this.#close(tenancy);
      }
  }

  /** The engine may have died over sandboxes that were being made or removed. Never rejects. */
  async #sweep(): Promise<void> {
    const { engine, slot, log } = this.#options;
    await this.#outfits.common.strays.sweep();
    try {
      for (const name of await reapUnknown(engine, slot, this.#outfits.common.strays))
        log.warn(`removed the sandbox ${name}, which nobody here knew of`);
    } catch (error) {
      log.warn({ err: error }, "sandboxes that nobody here knows of could not be looked for");
    }
  }

  /** Its source gets another one when it comes again. */
  #forget(tenancy: Tenancy): void {
    tenancy.isOver = true;
    if (this.#tenancies.get(tenancy.key) !== tenancy) return;
    this.#tenancies.delete(tenancy.key);
    this.#idle.delete(tenancy.key);
  }

  #makeRoom(forWhom: "source" | "spare"): boolean {
    const [longest] = this.#idle.rvalues();
    if (longest === undefined) return false;
    if (forWhom === "spare") {
      // A returning source's own sandbox is worth more than a spare, but not for ever.
      const { most, spares } = this.#policy;
      if (this.#held.size <= Math.max(1, most - spares * this.#kinds.size)) return false;
      if (performance.now() - longest.idleSince < STALE_AFTER) return false;
    }
    void this.#close(longest);
    return true;
  }

  /** Captures what was not, then removes it. Settles when it is gone; never rejects. */
  #close(tenancy: Tenancy): Promise<void> {
    this.#forget(tenancy);
    clearTimeout(tenancy.lifeTimer);
    clearTimeout(tenancy.captureTimer);
    if (!this.#held.delete(tenancy)) return tenancy.closing ?? Promise.resolve();
    const { sandbox } = tenancy;
    // A fork bomb cannot be frozen, but it can be killed; what it left is captured all the same.
    const removal = this.#killed(tenancy)
      .then(() => this.#capture(tenancy))
      .then(() => sandbox?.remove());
    this.#nursery.leaving(removal);
    const closing = removal.then(
      () => undefined,
      () => undefined,
    );
    tenancy.closing = closing;
    this.#closing.add(closing);
    void closing.finally(() => {
      this.#closing.delete(closing);
      this.#present.delete(tenancy);
      this.#options.onGone?.([...tenancy.sessions]);
    });
    return closing;
  }

  /** After a capture that runs now. Never rejects. */
  async #killed({ capturing, sandbox }: Tenancy): Promise<void> {
    await capturing;
    await sandbox?.kill().catch((error: unknown) => {
      this.#options.log.error({ err: error, sandbox: sandbox.id }, "a sandbox could not be killed");
    });
  }

  /** Never rejects: a sandbox that cannot be captured is used and removed all the same. */
  #capture(tenancy: Tenancy): Promise<void> {
    const capturing = (tenancy.capturing ?? Promise.resolve()).then(async () => {
      if (!tenancy.sandbox || tenancy.sessions.size === 0) return;
      const { id } = tenancy.sandbox;
      const traffic = await this.#trafficOf(tenancy, tenancy.sandbox.address);
      const passed = JSON.stringify(traffic);
      // What it sent when everybody had left is known at its end.
      if (!tenancy.isUsed && (traffic === undefined || passed === tenancy.lastTraffic)) return;
      tenancy.isUsed = false;
      tenancy.lastTraffic = passed;
      const sessions = [...tenancy.sessions];
      try {
        const { evidence } = this.#options.policy();
        const mostBytes = roomForCapture(this.#options.room(), evidence.mostBytes);
        const { changes, cut } = await tenancy.sandbox.capture({ ...evidence, mostBytes });
        const hash = createHash("sha256")
          .update(JSON.stringify([changes, cut, traffic]))
          .digest("hex");
        if (tenancy.lastCapture === hash) return;
        tenancy.lastCapture = hash;
        const takenAt = new Date().toISOString();
        await this.#options.onCapture({
          sandbox: id,
          sessions,
          source: tenancy.source,
          takenAt,
          changes,
          cut,
          ...(traffic === undefined ? {} : { traffic }),
        });
      } catch (error) {
        // Tried again when it is closed, after its end.
        tenancy.isUsed = true;
        this.#options.log.error({ err: error, sandbox: id }, "a sandbox's changes could not be captured");
      }
    });
    tenancy.capturing = capturing;
    return capturing.finally(() => {
      if (tenancy.capturing === capturing) tenancy.capturing = undefined;
    });
  }

  /** Never rejects: the changes are worth more than the count. */
  async #trafficOf(tenancy: Tenancy, address: string): Promise<Traffic | undefined> {
    try {
      return await this.#options.traffic?.(address, tenancy.policy().network);
    } catch (error) {
      this.#options.log.warn({ err: error }, "how much a sandbox has sent and received could not be counted");
      return undefined;
    }
  }

  *#containers(): Generator<string> {
    for (const { sandbox } of this.#held) if (sandbox) yield sandbox.container;
  }
}

/** One source's sandboxes of several machines have nothing to do with each other. */
function tenancyKey(source: string, { id }: Machine): string {
  return `${id} ${source}`;
}

/** Spares are worth keeping when only what does not shape a container has changed. */
function isSame(one: Policy["sandbox"], other: Policy["sandbox"]): boolean {
  const shape = (sandbox: Policy["sandbox"]) =>
    JSON.stringify({ ...sandbox, mode: 0, most: 0, spares: 0, idle: 0, life: 0, userns: 0, disguise: 0 });
  return one === other || shape(one) === shape(other);
}

function unlessAborted<T>(wait: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const giveUp = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) {
      giveUp();
      return;
    }
    signal.addEventListener("abort", giveUp, { once: true });
    wait.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", giveUp);
    });
  });
}

function stopping(): MitsubakoError {
  return new MitsubakoError("no-sandbox", "The gateway is stopping.");
}
