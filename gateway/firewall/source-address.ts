import { readFile } from "node:fs/promises";
import type { Endpoint } from "../model/endpoint.ts";
import { unmapped } from "../model/endpoint.ts";
import type { ShownPaths } from "./netfilter.ts";
import { PathPorts } from "./path-ports.ts";
import type { FencePlan } from "./plan.ts";
import { PATH_LIFE } from "./rule-figures.ts";
import { canBeShown, hostAddresses } from "./shown-address.ts";

/** Where to connect from so that the sandbox sees the attacker. Held until the connection is over. */
export interface Path extends AsyncDisposable {
  readonly localAddress: string;
  /** 0: any, when no port is left. */
  readonly localPort: number;
  /** What the sandbox sees; undefined when the attacker cannot be shown: then it sees the two above. */
  readonly shown: Endpoint | undefined;
}

export interface SourceAddresses extends AsyncDisposable {
  /**
   * Resolves when the kernel knows the way, so that the SYN cannot overtake it. The connect must follow within
   * PATH_LIFE seconds. It can fail with EADDRINUSE when another program listens on that very port on all addresses:
   * open another path then.
   *
   * @throws MitsubakoError `firewall-failed`.
   */
  openPath(options: { readonly attacker: Endpoint }): Promise<Path>;
}

/**
 * Ports that no other program is given by chance: below Linux's default range (32768 to 60999). If an operator's range
 * covers them, a connection on which nobody is shown can be given one within PATH_LIFE of its use, and shows whom that one showed.
 */
const FIRST_PORT = 10_000;
const PORTS = 20_000;
/** TIME_WAIT is 60 s in Linux; the map's entry is gone long before. */
const PORT_REST = 65_000;
/** conntrack's own TIME_WAIT, 120 s: until then a second connection cannot be shown with the same port. */
const SHOWN_REST = 125_000;
const MOST_REMEMBERED = 65_536;
/** How long what the host's addresses and listening ports were is believed. */
const HOST_LOOK = 30_000;

/** Takes `paths` over, and ends it with itself. */
export async function openSourceAddresses(plan: FencePlan, paths: ShownPaths): Promise<SourceAddresses> {
  const ports = new PathPorts(FIRST_PORT, PORTS, Math.max(PORT_REST, PATH_LIFE * 1000));
  let taken = await listeningPorts();
  const shownPorts = new ShownPorts();
  let own = { addresses: hostAddresses(), readAt: performance.now() };

  const ownAddresses = () => {
    if (performance.now() - own.readAt > HOST_LOOK) {
      own = { addresses: hostAddresses(), readAt: performance.now() };
      void listeningPorts().then((ports) => (taken = ports));
    }
    return own.addresses;
  };

  return {
    async openPath({ attacker }) {
      const address = unmapped(attacker.address);
      const localPort = takePort(ports, taken);
      if (localPort === undefined) return unshown(plan.gateway, 0, () => undefined);
      if (!canBeShown(address, plan.subnet, ownAddresses()))
        return unshown(plan.gateway, localPort, () => {
          ports.giveBack(localPort);
        });
      const shown = { address, port: shownPorts.choose(address, attacker.port, localPort) };
      try {
        await paths.add({ localPort, ...shown });
      } catch (error) {
        ports.giveBack(localPort);
        shownPorts.release(shown);
        throw error;
      }
      let open = true;
      return {
        localAddress: plan.gateway,
        localPort,
        shown,
        [Symbol.asyncDispose]: () => {
          if (open) {
            open = false;
            ports.giveBack(localPort);
            shownPorts.release(shown);
          }
          return Promise.resolve();
        },
      };
    },
    [Symbol.asyncDispose]: () => paths[Symbol.asyncDispose](),
  };
}

function unshown(localAddress: string, localPort: number, giveBack: () => void): Path {
  let open = true;
  return {
    localAddress,
    localPort,
    shown: undefined,
    [Symbol.asyncDispose]: () => {
      if (open) giveBack();
      open = false;
      return Promise.resolve();
    },
  };
}

/** A port that somebody listens on is left out for good. */
function takePort(ports: PathPorts, taken: ReadonlySet<number>): number | undefined {
  let port = ports.take();
  while (port !== undefined && taken.has(port)) port = ports.take();
  return port;
}

/**
 * The attacker's own port is shown, but no two connections with the same address and port at once or shortly after
 * one another: conntrack would have no way to tell their answers apart and would drop the second one's SYN.
 */
class ShownPorts {
  /** When it may be shown again, in milliseconds; Infinity while a path is open. */
  readonly #until = new Map<string, number>();

  choose(address: string, port: number, instead: number): number {
    for (const candidate of [port, instead]) {
      const key = `${address} ${candidate}`;
      if (candidate > 0 && (this.#until.get(key) ?? 0) <= performance.now()) {
        this.#remember(key, Infinity);
        return candidate;
      }
    }
    return instead;
  }

  release({ address, port }: Endpoint): void {
    this.#remember(`${address} ${port}`, performance.now() + SHOWN_REST);
  }

  #remember(key: string, until: number): void {
    this.#until.delete(key);
    this.#until.set(key, until);
    // The oldest are the first to have rested; an open one that is forgotten costs at worst one slow connect.
    if (this.#until.size > MOST_REMEMBERED)
      for (const oldest of this.#until.keys()) return void this.#until.delete(oldest);
  }
}

/** From /proc/net/tcp and tcp6: state 0A is LISTEN, the port is the hexadecimal after the first colon. */
async function listeningPorts(): Promise<ReadonlySet<number>> {
  const ports = new Set<number>();
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await readFile(file, "utf8").catch(() => "");
    for (const match of text.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /gm))
      ports.add(parseInt(match[1] ?? "", 16));
  }
  return ports;
}
