/** Makes tiny MaxMind databases (MMDB 2.0, https://maxmind.github.io/MaxMind-DB/), for tests: IPv6 trees with IPv4 at ::/96. */
import ipaddr from "ipaddr.js";

type Value = string | number | { readonly [key: string]: Value } | readonly Value[];

/** @param networks CIDR ranges, none within another, each with its record. */
export function mmdb(networks: Readonly<Record<string, Value>>): Buffer {
  const nodes: [number | undefined, number | undefined][] = [[undefined, undefined]];
  const data: Buffer[] = [];
  const leaves: { node: number; side: 0 | 1; offset: number }[] = [];
  let length = 0;
  for (const [range, record] of Object.entries(networks)) {
    const encoded = encode(record);
    const bits = bitsOf(range);
    let node = 0;
    for (const [index, bit] of bits.entries()) {
      if (index === bits.length - 1) {
        leaves.push({ node, side: bit, offset: length });
        break;
      }
      let next = nodes[node]?.[bit];
      if (next === undefined) {
        next = nodes.push([undefined, undefined]) - 1;
        (nodes[node] as (number | undefined)[])[bit] = next;
      }
      node = next;
    }
    data.push(encoded);
    length += encoded.length;
  }
  for (const { node, side, offset } of leaves)
    (nodes[node] as (number | undefined)[])[side] = nodes.length + SEPARATOR + offset;
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [index, [left = nodes.length, right = nodes.length]] of nodes.entries()) {
    tree.writeUIntBE(left, index * 6, 3);
    tree.writeUIntBE(right, index * 6 + 3, 3);
  }
  const metadata = encode({
    node_count: nodes.length,
    record_size: 24,
    ip_version: 6,
    database_type: "Test",
    languages: ["en"],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1,
    description: { en: "for tests" },
  });
  return Buffer.concat([
    tree,
    Buffer.alloc(SEPARATOR),
    ...data,
    Buffer.from("\xab\xcd\xefMaxMind.com", "latin1"),
    metadata,
  ]);
}

const SEPARATOR = 16;

function bitsOf(range: string): (0 | 1)[] {
  const [address, prefix] = ipaddr.parseCIDR(range);
  const bytes = address.toByteArray();
  const all = [...(bytes.length === 4 ? Array.from({ length: 12 }, () => 0) : []), ...bytes];
  const bits = all.flatMap((byte) =>
    Array.from({ length: 8 }, (_, index) => ((byte >> (7 - index)) & 1) as 0 | 1),
  );
  return bits.slice(0, prefix + (bytes.length === 4 ? 96 : 0));
}

/** Text and lists shorter than 29, numbers of 32 bits. */
function encode(value: Value): Buffer {
  if (typeof value === "string")
    return Buffer.concat([Buffer.from([(2 << 5) | value.length]), Buffer.from(value)]);
  if (typeof value === "number") {
    const bytes = Buffer.alloc(5);
    bytes[0] = (6 << 5) | 4;
    bytes.writeUInt32BE(value, 1);
    return bytes;
  }
  if (isList(value)) return Buffer.concat([Buffer.from([value.length, 11 - 7]), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([
    Buffer.from([(7 << 5) | entries.length]),
    ...entries.flatMap(([key, of]) => [encode(key), encode(of)]),
  ]);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
