import { isIP } from "node:net";
import { escapeText, asText } from "../../model/bytes.ts";
import type { Address } from "../../ssh/messages/channel-open.ts";
import type { End } from "./tcp-packet.ts";

/** Told apart; over that, names and connections share. */
const MOST = 65_000;
const LONGEST_NAME = 255;

export interface Ends {
  readonly client: End;
  readonly server: End;
  /** A name that an address stands for from now on. */
  readonly named?: { readonly address: Buffer; readonly name: string };
}

/**
 * Addresses for forwarded connections, of which SSH tells a target and who it says began it, each a name or an address. An address is
 * taken as it is. A name gets an address of its own out of 198.18.0.0/16, in the order of their coming (RFC 2544 has set this net aside
 * for tests: nobody is there). A client whose address is none of the target's family is 198.19.0.1, or 2001:2::1. A client's port
 * is as said when that makes a connection that was not there before, else the next above 1023 that does.
 */
export class ForwardAddresses {
  readonly #names = new Map<string, Buffer>();
  readonly #taken = new Set<string>();

  /** @param to where the connection went; @param origin where it is said to have come from. */
  ends(to: Address, origin: Address): Ends {
    const host = asText(to.host);
    const known = addressOf(host);
    const { address, isNew } = known === undefined ? this.#named(host) : { address: known, isNew: false };
    const server = { address, port: to.port > 0xffff ? 0 : to.port };
    const said = addressOf(asText(origin.host));
    const client =
      said?.length === address.length ? said : address.length === 4 ? UNKNOWN_CLIENT : UNKNOWN_CLIENT_6;
    const port = this.#free(client, origin.port, server);
    return {
      client: { address: client, port },
      server,
      ...(isNew ? { named: { address, name: escapeText(host).slice(0, LONGEST_NAME) } } : {}),
    };
  }

  #named(host: string): { address: Buffer; isNew: boolean } {
    const known = this.#names.get(host);
    if (known !== undefined) return { address: known, isNew: false };
    const number = Math.min(this.#names.size + 1, MOST);
    const address = Buffer.of(198, 18, number >> 8, number & 0xff);
    if (this.#names.size < MOST) this.#names.set(host, address);
    return { address, isNew: number < MOST };
  }

  #free(client: Buffer, said: number, server: End): number {
    const connection = (port: number) =>
      `${client.toString("hex")} ${port} ${server.address.toString("hex")} ${server.port}`;
    const first = said > 0 && said <= 0xffff ? said : LOWEST_PORT;
    if (this.#taken.size >= MOST) return first;
    for (let tried = 0; tried < 0x10000 - LOWEST_PORT; tried++) {
      const port = tried === 0 ? first : LOWEST_PORT + ((first + tried) % (0x10000 - LOWEST_PORT));
      if (this.#taken.has(connection(port))) continue;
      this.#taken.add(connection(port));
      return port;
    }
    return first;
  }
}

const LOWEST_PORT = 1024;
const UNKNOWN_CLIENT = Buffer.of(198, 19, 0, 1);
const UNKNOWN_CLIENT_6 = Buffer.from("20010002000000000000000000000001", "hex");

/** In network order, when it is an address and no name. */
function addressOf(host: string): Buffer | undefined {
  switch (isIP(host)) {
    case 4:
      return Buffer.from(host.split(".").map(Number));
    case 6:
      return sixteen(host);
    default:
      return undefined;
  }
}

/** An IPv6 address that isIP has found good: `::` is filled up, a zone left out, an IPv4 ending taken as two groups. */
function sixteen(host: string): Buffer {
  const plain = host
    .replace(/%.*$/s, "")
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
      [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((group) => group.toString(16)).join(":"),
    );
  const [head = "", tail] = plain.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(""), "hex");
}
