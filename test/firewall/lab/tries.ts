/** Sends what frames.py knows from a sandbox and says where each try arrived. */
import { BRIDGE, HOST, HOST6, inside, labFile, macOf, ROUTED, Talker, WORLD, WORLD6 } from "./network.ts";

/** Names of tries, as frames.py calls them. */
export interface Arrived {
  readonly world: readonly string[];
  readonly neighbour: readonly string[];
  readonly host: readonly string[];
}

export interface TryAddresses {
  readonly own: string;
  readonly neighbour: string;
}

export class Tries {
  readonly #sandbox: string;
  readonly #neighbour: string;
  readonly #addresses: Readonly<Record<string, string>>;
  readonly #watchers: readonly Talker[];

  private constructor(
    sandbox: string,
    neighbour: string,
    addresses: Readonly<Record<string, string>>,
    watchers: readonly Talker[],
  ) {
    this.#sandbox = sandbox;
    this.#neighbour = neighbour;
    this.#addresses = addresses;
    this.#watchers = watchers;
  }

  static async watch(
    sandbox: string,
    neighbour: string,
    addresses: TryAddresses,
    gateway: string,
  ): Promise<Tries> {
    const watcher = (name: string | undefined, ...how: string[]) =>
      Talker.start(name, ["python3", labFile("watch.py"), ...how]);
    const first = gateway.split(".").slice(0, 2).join(".");
    return new Tries(
      sandbox,
      neighbour,
      { ...addresses, gateway, unused: `${first}.0.9`, subnet_broadcast: `${first}.15.255` },
      await Promise.all([
        watcher("world", "frames", "eth0"),
        watcher(neighbour, "frames", "eth0"),
        watcher(undefined, "delivered"),
      ]),
    );
  }

  async send(): Promise<Arrived> {
    const configuration = {
      ...this.#addresses,
      interface: "eth0",
      own_mac: macOf(this.#sandbox, "eth0"),
      bridge_mac: macOf(undefined, BRIDGE),
      neighbour_mac: macOf(this.#neighbour, "eth0"),
      host: HOST,
      world: WORLD,
      routed: ROUTED,
      host6: HOST6,
      world6: WORLD6,
    };
    const frames = ["python3", labFile("frames.py"), JSON.stringify(configuration)];
    const names = JSON.parse(await inside(this.#sandbox, frames)) as string[];
    await new Promise((resolve) => setTimeout(resolve, 300));
    const [world = [], neighbour = [], host = []] = await Promise.all(
      this.#watchers.map(async (watcher) => {
        const counts = JSON.parse(await watcher.ask("seen?")) as Record<string, number>;
        return Object.keys(counts).map((number) => names[Number(number)] ?? `try ${number}`);
      }),
    );
    return { world, neighbour, host };
  }

  end(): void {
    for (const watcher of this.#watchers) watcher.end();
  }
}
