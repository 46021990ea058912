import { lstatSync, writeFileSync } from "node:fs";
import type { ContainerInspectInfo } from "dockerode";
import { setTimeout as sleep } from "node:timers/promises";
import { MitsubakoError } from "../model/errors.ts";
import { newSandboxId } from "../model/ids.ts";
import type { HostKeyFile, Persona } from "../model/persona.ts";
import type { Policy } from "../model/policy.ts";
import { AccountKeeper, type Ensured } from "./account-keeper.ts";
import type { Artifacts } from "./artifacts.ts";
import { readAuthorizedKeys } from "./authorized-keys.ts";
import { Baseline } from "./baseline.ts";
import { captureChanges, type Captured } from "./capture.ts";
import { SandboxContainer } from "./container.ts";
import { capDisk, checkDisk, inodesOf, usedDisk } from "./disk.ts";
import type { Disguise } from "./disguise.ts";
import type { Engine } from "./docker.ts";
import { isThrottled } from "./limits.ts";
import type { EngineFacts } from "./engine-facts.ts";
import { Hashes } from "./hashes.ts";
import { KeptArtifacts } from "./kept-artifacts.ts";
import { reachableLayers, type Layers } from "./layers.ts";
import { isAddressTaken, type SandboxNetwork } from "./network.ts";
import { PristineFiles } from "./pristine.ts";
import type { PasswordHasher } from "./password-hash.ts";
import type { Past, PastKeeper } from "./past/keeper.ts";
import { interfacesFile } from "./past/interfaces.ts";
import { continuePids, FIRST_SERVICE } from "./past/pids.ts";
import { waitForSsh } from "./probe.ts";
import { ServiceFiles } from "./service-files.ts";
import { forgetStart } from "./services.ts";
import { containerSpec, macAddress } from "./spec.ts";
import type { Strays } from "./strays.ts";
import type { TarFile } from "./tar.ts";
import type { ControlGroups } from "./units.ts";

/** What every sandbox of a gateway is made with. */
export interface SandboxKit {
  readonly engine: Engine;
  readonly facts: EngineFacts;
  readonly network: SandboxNetwork;
  readonly persona: Pick<Persona, "image" | "hostname">;
  readonly hostKeys: readonly HostKeyFile[];
  readonly past: PastKeeper;
  readonly artifacts: Artifacts;
  readonly hasher: PasswordHasher;
  readonly ground: Ground;
  readonly strays: Strays;
  /** Where it is absent, a sandbox shows that it is a container. */
  readonly disguise: Disguise | undefined;
  readonly controlGroups: ControlGroups;
}

/**
 * What holds a sandbox's packets, whoever makes it: rules before the container, the container before any packet, and back in
 * reverse. When one of these fails, so does the sandbox.
 */
export interface Ground {
  /** Before the container is made. */
  readonly admit: (address: string) => Promise<void>;
  /** It runs, nobody is in it; `pid` is its first process on the machine, `kept` what is kept of its files. */
  readonly started: (sandbox: StartedSandbox) => Promise<void>;
  /** It is given to a source of which `network` says what may leave, asked each time; nobody is in it. What is refused here is not given. */
  readonly assigned: (address: string, network: () => Policy["network"]) => Promise<void>;
  /** The container is about to be removed: whoever holds something in it has to let go. */
  readonly ending: (address: string) => Promise<void>;
  /** The container is gone. */
  readonly dismiss: (address: string) => Promise<void>;
}

export interface StartedSandbox {
  readonly address: string;
  readonly mac: string;
  readonly pid: number;
  readonly kept: KeptArtifacts;
}

/** Milliseconds until sshd has to be up; 0.5 s on an idle machine. */
const READY_WITHIN = 60_000;
/** Milliseconds that journald gets for beginning a new file; 10 on an idle machine. */
const FORGET_WITHIN = 30_000;

/**
 * A sandbox's life is Created → Ready → Assigned → gone; each state has only the calls that it allows. Whoever has one has to
 * remove it in the end.
 * @throws MitsubakoError `engine-dead`, `engine-refused`, `no-sandbox`; the signal's reason. Nothing is left behind then.
 */
export async function makeSandbox(
  kit: SandboxKit,
  policy: Policy["sandbox"],
  signal?: AbortSignal,
): Promise<ReadySandbox> {
  const disguise = kit.disguise?.inUse;
  const created = await CreatedSandbox.create({ ...kit, disguise }, policy);
  try {
    const ready = await created.start(signal);
    disguise?.worked();
    return ready;
  } catch (error) {
    await created.remove();
    disguise?.failed(error);
    throw error;
  }
}

/** Its files can be prepared; nothing runs in it. */
export class CreatedSandbox {
  readonly #kit: SandboxKit;
  readonly #policy: Policy["sandbox"];
  readonly #container: SandboxContainer;
  #past: Past | undefined;

  private constructor(kit: SandboxKit, policy: Policy["sandbox"], container: SandboxContainer) {
    this.#kit = kit;
    this.#policy = policy;
    this.#container = container;
  }

  static async create(kit: SandboxKit, policy: Policy["sandbox"]): Promise<CreatedSandbox> {
    const container = await createContainer(kit, policy);
    const created = new CreatedSandbox(kit, policy, container);
    try {
      if (kit.facts.diskCap)
        await capDisk(await container.inspect(), {
          bytes: policy.disk,
          inodes: inodesOf(policy),
          isThrottled: isThrottled(policy),
          slot: kit.network.slot,
          id: container.id,
        });
      const past = await kit.past.of(container.archive);
      created.#past = past;
      await container.archive.write([
        ...past.files,
        interfacesFile(container.address, kit.network, past.installed),
        ...hostKeyFiles(kit.hostKeys, past.installed),
        memoryFile(policy.memory, past.installed),
      ]);
      return created;
    } catch (error) {
      await created.remove();
      throw error;
    }
  }

  async start(signal?: AbortSignal): Promise<ReadySandbox> {
    const container = this.#container;
    const { disguise, network, persona } = this.#kit;
    await disguise?.coverRoot(await container.inspect());
    await container.start();
    signal?.throwIfAborted();
    const info = await container.inspect();
    const nameserver = network.gateway;
    const pid = info.State.Pid;
    if (disguise) {
      // Before the first process goes on: where it waits, the services are still to come.
      await continuePids(pid, FIRST_SERVICE - 1);
      await disguise.dress({ info, nameserver, hostname: persona.hostname });
    } else hideEngineResolver(info, nameserver);
    const kept = new KeptArtifacts();
    await this.#kit.ground.started({
      address: container.address,
      mac: macAddress(container.id),
      pid,
      kept,
    });
    await waitForSsh(container.address, 22, READY_WITHIN, signal);
    await disguise?.finish(info, signal);
    this.#kit.controlGroups.name({ init: pid, container: info.Id });
    const layers = reachableLayers(info);
    if (container.facts.diskCap) {
      // Whether it is seen can only be told where the sandbox's root is.
      if (layers?.merged === undefined)
        throw new MitsubakoError("engine-refused", "A sandbox's disk cannot be seen.");
      checkDisk(layers.merged, this.#policy.disk);
    }
    const files =
      layers?.merged !== undefined ? new PristineFiles(layers.merged, container.facts.remap) : undefined;
    const accounts = await AccountKeeper.open(container.archive, this.#kit.hasher, files);
    if (layers) await settled(layers);
    // What the services said at their start and sshd about our look at it: on a server that was long ago.
    if (this.#past) files?.cut(this.#past.logs);
    if (this.#past && files) await forgetStart(pid, files, this.#past.files, FORGET_WITHIN);
    if (this.#past) await continuePids(pid, this.#past.pid);
    const baseline = layers ? await Baseline.take(layers) : new Baseline();
    const services =
      layers && new ServiceFiles(layers, baseline.paths, this.#past?.logs ?? [], persona.hostname);
    const parts = {
      kit: this.#kit,
      policy: this.#policy,
      container,
      accounts,
      baseline,
      services,
      layers,
      kept,
    };
    return new ReadySandbox(parts);
  }

  remove(): Promise<void> {
    return discard(this.#kit, this.#container);
  }
}

interface Parts {
  readonly kit: SandboxKit;
  readonly policy: Policy["sandbox"];
  readonly container: SandboxContainer;
  readonly accounts: AccountKeeper;
  readonly baseline: Baseline;
  readonly services: ServiceFiles | undefined;
  readonly layers: Layers | undefined;
  /** What is kept of its files. */
  readonly kept: KeptArtifacts;
}

/** sshd answers; nobody has been in it and no password lets anybody in. */
export class ReadySandbox {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get container(): string {
    return this.#parts.container.container;
  }

  /** The policy that it was made for. */
  get policy(): Policy["sandbox"] {
    return this.#parts.policy;
  }

  /** Before it is assigned: what may leave it from here on. @throws what the ground throws: then it has to be removed. */
  limitTo(network: () => Policy["network"]): Promise<void> {
    return this.#parts.kit.ground.assigned(this.#parts.container.address, network);
  }

  assign(): AssignedSandbox {
    return new AssignedSandbox(this.#parts);
  }

  remove(): Promise<void> {
    return discard(this.#parts.kit, this.#parts.container);
  }
}

/** It belongs to one source. */
export class AssignedSandbox {
  readonly #parts: Parts;
  readonly #hashes = new Hashes();
  #baseline: Baseline;
  /** Names that once had a password here: whatever became of them, the sandbox's own sshd decides about them. */
  readonly #decided = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#baseline = parts.baseline;
    parts.accounts.watchedBy({
      preparing: async () => {
        if (parts.layers) this.#baseline = await Baseline.take(parts.layers);
      },
      prepared: (files) => {
        if (parts.layers) this.#baseline.absorb(parts.layers, files);
      },
      wrote: (files, foreign) => {
        this.#baseline.add(files, foreign);
      },
    });
  }

  get id() {
    return this.#parts.container.id;
  }

  /** The engine's id of the container. */
  get container(): string {
    return this.#parts.container.container;
  }

  get address(): string {
    return this.#parts.container.address;
  }

  get image(): string {
    return this.#parts.container.image;
  }

  /** Whether the sandbox's own sshd is to decide about this user: the account has, or had, a password. */
  async hasPassword(user: string): Promise<boolean> {
    if (this.#decided.has(user)) return true;
    const account = await this.#parts.accounts.find(user);
    if (account?.hasPassword !== true) return false;
    this.#decided.add(user);
    return true;
  }

  /** `user` and `password` are valid as model/user-name.ts says. An account that has a password keeps it. */
  async ensureAccount(user: string, password: Uint8Array): Promise<Ensured> {
    const outcome = await this.#parts.accounts.ensure(user, password, this.#parts.policy.sudo);
    this.#decided.add(user);
    return outcome;
  }

  /** As sshd in the sandbox would read it; undefined when there is nothing that it would read. */
  async readAuthorizedKeys(user: string): Promise<Buffer | undefined> {
    const account = await this.#parts.accounts.find(user);
    return account && readAuthorizedKeys(this.#parts.container.archive, account);
  }

  /** Freezes the sandbox, lists what its source changed, keeps the contents, thaws it. */
  async capture(bounds: Policy["evidence"]): Promise<Captured> {
    const { container, layers, kit } = this.#parts;
    if (!layers) return { changes: [], cut: true };
    await using held = new AsyncDisposableStack();
    const frozen = held.use(await container.freeze());
    return await captureChanges({
      // Of a dead one there is nothing mounted, and its process number may be another's by now.
      layers: frozen ? layers : { ...layers, merged: undefined },
      bounds,
      baseline: this.#baseline,
      services: this.#parts.services,
      artifacts: kit.artifacts,
      remap: container.facts.remap,
      hashes: this.#hashes,
      kept: this.#parts.kept,
    });
  }

  /** Bytes of the machine's disk that it holds; 0 where that cannot be seen. */
  async diskUsed(): Promise<number> {
    const { layers } = this.#parts;
    return layers === undefined ? 0 : usedDisk(layers.upper);
  }

  /** Nothing runs in it from here on; it can still be captured. */
  kill(): Promise<void> {
    return this.#parts.container.kill();
  }

  remove(): Promise<void> {
    return discard(this.#parts.kit, this.#parts.container);
  }
}

async function createContainer(kit: SandboxKit, policy: Policy["sandbox"]): Promise<SandboxContainer> {
  const { engine, facts, network, persona, disguise } = kit;
  const id = newSandboxId();
  const { slot, gateway } = network;
  for (let tries = 1; ; tries++) {
    const address = network.addresses.take();
    kit.strays.expect(id);
    try {
      await kit.ground.admit(address);
      const spec = containerSpec({
        ...{ slot, id, sandbox: policy, persona, facts, address, gateway },
        isDressed: disguise !== undefined,
      });
      const { id: container } = await engine.call("create a sandbox", (docker) =>
        docker.createContainer(spec),
      );
      return new SandboxContainer(engine, facts, { id, container, address, image: persona.image });
    } catch (error) {
      kit.strays.forget(id);
      // One that somebody else took stays taken: the next one is tried.
      await kit.ground.dismiss(address);
      if (tries < 3 && isAddressTaken(error)) continue;
      network.addresses.giveBack(address);
      throw error;
    }
  }
}

const HOST_KEY_NAMES = {
  "ssh-rsa": "ssh_host_rsa_key",
  "ecdsa-sha2-nistp256": "ssh_host_ecdsa_key",
  "ssh-ed25519": "ssh_host_ed25519_key",
} as const satisfies Record<HostKeyFile["type"], string>;

function hostKeyFiles(keys: readonly HostKeyFile[], modifiedAt: Date) {
  const root = { uid: 0, gid: 0, modifiedAt };
  return keys.flatMap(({ type, privateKey, publicKey }) => {
    const path = `etc/ssh/${HOST_KEY_NAMES[type]}`;
    return [
      { ...root, path, mode: 0o600, content: Buffer.from(privateKey) },
      { ...root, path: `${path}.pub`, mode: 0o644, content: Buffer.from(publicKey) },
    ];
  });
}

/** Tells PID 1 what there is room for; it takes the file away. */
function memoryFile(bytes: number, modifiedAt: Date): TarFile {
  const content = Buffer.from(`${Math.floor(bytes / 2 ** 20)}\n`);
  return { path: ".memory", content, mode: 0o600, uid: 0, gid: 0, modifiedAt };
}

/** sshd is not the last thing that starts: waits until two looks find the same. At most 0.6 s. */
async function settled(layers: Layers): Promise<void> {
  let before = await Baseline.take(layers);
  for (let looks = 0; looks < 10; looks++) {
    await sleep(60);
    const now = await Baseline.take(layers);
    if (now.equals(before)) return;
    before = now;
  }
}

/**
 * /etc/resolv.conf of a container names the engine's own name server, 127.0.0.11, which no server has. The file lies on the host;
 * where that cannot be reached it stays as it is. The container runs, but nobody is in it.
 */
function hideEngineResolver({ ResolvConfPath: path }: ContainerInspectInfo, nameserver: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === true)
    writeFileSync(path, `nameserver ${nameserver}\n`);
}

/** Its address is free again only when it is really gone. */
function discard(kit: SandboxKit, container: SandboxContainer): Promise<void> {
  return kit.strays.remove(container.container, async () => {
    await kit.ground.ending(container.address);
    await container.remove();
    kit.strays.forget(container.id);
    await kit.ground.dismiss(container.address);
    kit.network.addresses.giveBack(container.address);
  });
}
