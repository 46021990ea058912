import { createHash, createHmac } from "node:crypto";
import { RCODES, TYPES, type DnsRecord, type Finding } from "./dns-message.ts";
import { below, labelsOf, nameKey, type WireName } from "./dns-name.ts";

/**
 * First octets of ranges that large hosters and carriers have and that hold nothing reserved: no private, shared, link-local,
 * documentation, benchmark or multicast network lies in any of them (RFC 6890), nor a metadata service, so no fence does either.
 */
const ORDINARY = [
  23, 31, 34, 37, 44, 45, 46, 50, 51, 52, 54, 62, 64, 65, 66, 67, 68, 69, 70, 72, 74, 76, 77, 78, 79, 80, 81,
  82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 104, 107, 108, 109, 128, 129, 130,
  134, 135, 136, 137, 138, 139, 141, 142, 143, 144, 146, 147, 148, 149, 151, 152, 155, 156, 157, 158, 159,
  160, 161, 162, 164, 165, 166, 167, 170, 173, 174, 176, 178, 184, 185, 188, 193, 194, 195, 199, 204, 205,
  206, 207, 208, 209, 212, 213, 216, 217,
] as const;

/** Top-level names that never resolve (RFC 2606, 6761, 6762, 7686, 8375, 9476), and the tree of addresses. */
const NEVER = new Set([
  "local",
  "localhost",
  "invalid",
  "test",
  "example",
  "onion",
  "internal",
  "alt",
  "arpa",
]);

const TTL = 300;
const MOST_REMEMBERED = 4096;

/** Answers every name as if it existed. The same name always has the same address; whoever does not have the secret cannot tell it. */
export class InventedNames {
  readonly #key: Buffer;
  /** For names spoken of later by who was led to us; the oldest is forgotten first. */
  readonly #names = new Map<string, string>();

  constructor(secret: string) {
    this.#key = createHash("sha256").update("names of the world\0").update(secret).digest();
  }

  find(name: WireName, type: number): Finding {
    if (!exists(name)) return { ...NOTHING, rcode: RCODES.NXDOMAIN };
    const records = this.#records(name, type).flatMap((data) => (data ? [data] : []));
    return { ...NOTHING, answers: records.map((data): DnsRecord => ({ name, type, ttl: TTL, data })) };
  }

  /** The name that this address was made from, if it was asked for lately. */
  nameOf(address: string): string | undefined {
    return this.#names.get(address);
  }

  #records(name: WireName, type: number): (Buffer | undefined)[] {
    switch (type) {
      case TYPES.A:
        return [this.#address(name)];
      case TYPES.NS:
        return [below("ns1", name), below("ns2", name)];
      case TYPES.MX: {
        const mail = below("mail", name);
        return [mail && Buffer.concat([Buffer.from([0, 10]), mail])];
      }
      case TYPES.TXT:
        return [text("v=spf1 a mx ~all")];
      case TYPES.SOA:
        return [this.#soa(name)];
      default:
        return [];
    }
  }

  #address(name: WireName): Buffer {
    const hash = this.#hash(name);
    const [one = 0, two = 0, three = 0, four = 0] = hash;
    const address = Buffer.from([ORDINARY[one % ORDINARY.length] ?? 23, two, three, 1 + (four % 254)]);
    const shown = address.join(".");
    this.#names.delete(shown);
    const [oldest] = this.#names.keys();
    if (this.#names.size >= MOST_REMEMBERED && oldest !== undefined) this.#names.delete(oldest);
    this.#names.set(
      shown,
      labelsOf(name)
        .map((label) => label.toString("latin1"))
        .join("."),
    );
    return address;
  }

  #soa(name: WireName): Buffer | undefined {
    const [server, person] = [below("ns1", name), below("hostmaster", name)];
    if (!server || !person) return undefined;
    const numbers = Buffer.alloc(20);
    // A serial as people write it: a day of a year that is over, and the first change of that day.
    const hash = this.#hash(name);
    const [, , , , month = 0, day = 0] = hash;
    const serial = 2025_00_00_01 + ((month % 12) + 1) * 10_000 + ((day % 28) + 1) * 100;
    for (const [index, value] of [serial, 7200, 3600, 1_209_600, TTL].entries())
      numbers.writeUInt32BE(value, index * 4);
    return Buffer.concat([server, person, numbers]);
  }

  #hash(name: WireName): Buffer {
    return createHmac("sha256", this.#key).update(nameKey(name), "latin1").digest();
  }
}

const NOTHING: Finding = { rcode: RCODES.NOERROR, answers: [], authority: [], truncated: false };

/** A name of one label is a host's own, and one whose last label has digits in it is an address. */
function exists(name: WireName): boolean {
  const labels = labelsOf(name).map((label) => label.toString("latin1").toLowerCase());
  const top = labels.at(-1) ?? "";
  return labels.length >= 2 && /^([a-z]{2,24}|xn--[a-z0-9-]{1,59})$/.test(top) && !NEVER.has(top);
}

function text(line: string): Buffer {
  return Buffer.concat([Buffer.from([line.length]), Buffer.from(line, "latin1")]);
}
