import { isIPv4 } from "node:net";

/** The network that the sandboxes are in, to tell them from the rest of the world. */
export class SandboxNetwork {
  readonly #first: number;
  readonly #last: number;

  /** @throws RangeError for anything but an IPv4 network such as `10.203.0.0/20`. */
  constructor(cidr: string) {
    const [address = "", bits = ""] = cidr.split("/");
    const prefix = Number(bits);
    if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || prefix > 30)
      throw new RangeError(`${cidr} is not an IPv4 network`);
    const size = 2 ** (32 - prefix);
    const network = Math.floor(toNumber(address) / size) * size;
    // The first two are the network's own and the host's on the bridge; the last four are the cable's.
    this.#first = network + 2;
    this.#last = network + size - 5;
  }

  /** Whether a sandbox can have the address. */
  has(address: string): boolean {
    if (!isIPv4(address)) return false;
    const number = toNumber(address);
    return number >= this.#first && number <= this.#last;
  }
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
