import { createSecureContext } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { OUTPOST_PORTS, type FromOutpost, type OutpostConfiguration } from "../model/outpost-messages.ts";
import { DnsListener } from "./dns-listener.ts";
import { FactWindows } from "./fact-windows.ts";
import { Flows } from "./flows.ts";
import { InventedNames } from "./invented-names.ts";
import { LogReader } from "./log-reader.ts";
import { Resolver } from "./resolver.ts";
import { SandboxNetwork } from "./sandbox-network.ts";
import { Sinkhole } from "./sinkhole.ts";
import type { Tell } from "./teller.ts";

/** How often what was counted is looked at, in milliseconds. */
const TICK = 250;
/** The cable may be laid a moment after we are told of its address. */
const LISTEN_AGAIN = 200;
/** Tries until it is said that there is a problem; it is tried on all the same. */
const PATIENT_TRIES = 25;

/** The world as the sandboxes see it, and the ear at netfilter's log. */
export class Outpost {
  readonly #say: (message: FromOutpost) => void;
  readonly #windows: FactWindows;
  readonly #flows: Flows;
  readonly #log: LogReader;
  readonly #ticking: NodeJS.Timeout;
  #network: SandboxNetwork | undefined;
  #configuration: OutpostConfiguration | undefined;
  #listeners: AsyncDisposable[] = [];
  /** One change after the other. */
  #changing: Promise<void> = Promise.resolve();
  #ready = false;

  constructor(say: (message: FromOutpost) => void) {
    this.#say = say;
    this.#windows = new FactWindows({
      tell: (fact, { sandbox, mac }) => {
        say({ kind: "fact", sandbox, mac, fact });
      },
    });
    const tell: Tell = (fact, who) => {
      this.#windows.take(fact, who);
    };
    this.#flows = new Flows(({ rule, sandbox, protocol, from, to, mac }) => {
      // Names are told by the resolver; a connection that never came about is told here.
      if (rule === "sinkhole")
        tell({ kind: "network", rule, protocol, from, to, count: 1 }, { sandbox, mac });
    });
    this.#log = new LogReader({
      network: () => this.#network,
      address: () => this.#configuration?.address,
      flows: this.#flows,
      tell,
    });
    this.#ticking = setInterval(() => {
      this.#flows.tick();
      this.#windows.tick();
    }, TICK);
  }

  /** A piece of the log. False once it makes no sense any more. */
  logged(chunk: Buffer): boolean {
    return this.#log.take(chunk);
  }

  /** From now on. If anything is new, what listens is closed and opened anew, and connections end. */
  configure(configuration: OutpostConfiguration): void {
    if (isDeepStrictEqual(configuration, this.#configuration)) return;
    this.#configuration = configuration;
    this.#network = new SandboxNetwork(configuration.subnet);
    this.#changing = this.#changing.then(() => this.#change(configuration));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ticking);
    this.#configuration = undefined;
    await this.#changing;
    await this.#close();
    this.#windows.flush();
  }

  async #change(configuration: OutpostConfiguration): Promise<void> {
    const isCurrent = () => this.#configuration === configuration;
    if (!isCurrent()) return;
    await this.#close();
    for (let tries = 1; isCurrent(); tries++) {
      try {
        await this.#open(configuration);
        break;
      } catch (error) {
        await this.#close();
        if (tries === PATIENT_TRIES) this.#problem("the outpost cannot listen", error);
        await sleep(LISTEN_AGAIN);
      }
    }
    if (this.#ready || !isCurrent()) return;
    this.#ready = true;
    this.#say({ kind: "ready" });
  }

  async #open(configuration: OutpostConfiguration): Promise<void> {
    const { address, names, tls, subnet } = configuration;
    if (address === undefined) return;
    const network = new SandboxNetwork(subnet);
    const flows = this.#flows;
    const tell: Tell = (fact, who) => {
      this.#windows.take(fact, who);
    };
    // Only this gateway has the key, and it stays the same: so do the names' addresses.
    const invented = new InventedNames(tls.key);
    this.#listeners.push(
      await Sinkhole.open({
        address,
        network,
        flows,
        tell,
        tls: createSecureContext({ key: tls.key, cert: tls.certificate }),
        hostAt: (of) => invented.nameOf(of),
      }),
    );
    for (const source of names) {
      const resolver = new Resolver({ configuration: { ...configuration, source }, invented, flows, tell });
      const port = source === "resolve" ? OUTPOST_PORTS.dns : OUTPOST_PORTS.inventedDns;
      this.#listeners.push(await DnsListener.open({ address, port, network, resolver }));
    }
  }

  async #close(): Promise<void> {
    const listeners = this.#listeners;
    this.#listeners = [];
    await Promise.all(listeners.map((listener) => listener[Symbol.asyncDispose]()));
  }

  #problem(what: string, error: unknown): void {
    this.#say({
      kind: "problem",
      message: `${what}: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}
