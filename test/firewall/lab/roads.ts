/** Measures traffic between a sandbox, the world and the host: see traffic.py. */
import { BRIDGE, inside, labFile, Talker } from "./network.ts";

export type Way = "up" | "down";

const FIRST_SERVICE = 5000;
const SERVICES = 60;

type Meters = Readonly<Record<"world" | "host" | "sandbox", Talker>>;

export class Roads {
  readonly #address: string;
  readonly #server: Talker;
  readonly #meters: Meters;
  #service = FIRST_SERVICE;

  private constructor(address: string, server: Talker, meters: Meters) {
    this.#address = address;
    this.#server = server;
    this.#meters = meters;
  }

  static async lay(sandbox: string, address: string): Promise<Roads> {
    const services = Array.from({ length: SERVICES }, (_, index) => String(FIRST_SERVICE + index));
    return new Roads(address, await Talker.start(sandbox, traffic("serve", "22", ...services)), {
      world: await Talker.start("world", traffic("meter", "eth0")),
      host: await Talker.start(undefined, traffic("meter", BRIDGE)),
      sandbox: await Talker.start(sandbox, traffic("meter", "eth0")),
    });
  }

  /** Bits a second between the sandbox and the world. Each time another port: what still waits is not taken for it. */
  rest(way: Way, meanwhile?: () => Promise<void>): Promise<number> {
    const meter = way === "up" ? this.#meters.world : this.#meters.sandbox;
    return this.#measure("world", meter, way, this.#service++, { meanwhile });
  }

  /** Bits a second between the sandbox's SSH and the host. */
  leg(way: Way, seconds = SECONDS): Promise<number> {
    const meter = way === "up" ? this.#meters.host : this.#meters.sandbox;
    return this.#measure(undefined, meter, way, 22, { seconds });
  }

  /** The leg while the rest fills its way. The sandbox has one meter, so the rest is only known to be under way. */
  async legBesideRest(way: Way): Promise<number> {
    const rest = this.#visit("world", way, this.#service++, 2);
    const measured = await this.leg(way, 0.2);
    await rest;
    return measured;
  }

  async answers(from: string | undefined, port: "service" | "ssh"): Promise<boolean> {
    const number = port === "ssh" ? 22 : this.#service++;
    const script = `timeout 2 bash -c ': </dev/tcp/${this.#address}/${number}' 2>/dev/null && echo yes || true`;
    return (await inside(from, ["sh", "-c", script])).trim() === "yes";
  }

  end(): void {
    for (const each of [this.#server, ...Object.values(this.#meters)]) each.end();
  }

  async #measure(
    from: string | undefined,
    meter: Talker,
    way: Way,
    port: number,
    { seconds = SECONDS, meanwhile }: Options,
  ): Promise<number> {
    await meter.ask(`${port} ${SKIP} ${seconds}`);
    const visit = this.#visit(from, way, port, SKIP + seconds + SPARE);
    await meanwhile?.();
    const measured = Number(await meter.next());
    await visit;
    return measured;
  }

  #visit(from: string | undefined, way: Way, port: number, seconds: number): Promise<string> {
    return inside(
      from,
      traffic(way === "up" ? "pull" : "push", this.#address, String(port), String(seconds)),
    );
  }
}

interface Options {
  readonly seconds?: number;
  readonly meanwhile?: (() => Promise<void>) | undefined;
}

/** A burst and a connection's first steps; then what counts. */
const SKIP = 0.5;
const SECONDS = 1.2;
/** For which a sender goes on, so that one that is held up for a moment still sends at the end. */
const SPARE = 1;

function traffic(...args: readonly string[]): string[] {
  return ["python3", labFile("traffic.py"), ...args];
}
