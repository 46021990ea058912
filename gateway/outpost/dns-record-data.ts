import { readName } from "./dns-name.ts";

/**
 * A record's data with the names in it uncompressed, so that it can stand in another message. Undefined for a type that we do not
 * pass on, and for data that is not what its type says. Numbers of types as in RFC 1035 and 2782.
 */
export function readRecordData(
  message: Buffer,
  type: number,
  start: number,
  end: number,
): Buffer | undefined {
  switch (type) {
    case 1: // A
      return end - start === 4 ? Buffer.from(message.subarray(start, end)) : undefined;
    case 2: // NS
    case 5: // CNAME
    case 12: // PTR
      return withNames(message, start, end, 0, 1, 0);
    case 15: // MX: preference, name
      return withNames(message, start, end, 2, 1, 0);
    case 33: // SRV: priority, weight, port, name
      return withNames(message, start, end, 6, 1, 0);
    case 6: // SOA: two names, five numbers
      return withNames(message, start, end, 0, 2, 20);
    case 16: // TXT: strings, each after its length
      return isStrings(message, start, end) ? Buffer.from(message.subarray(start, end)) : undefined;
    default:
      return undefined;
  }
}

function withNames(
  message: Buffer,
  start: number,
  end: number,
  before: number,
  names: number,
  after: number,
): Buffer | undefined {
  if (start + before > end) return undefined;
  const parts = [message.subarray(start, start + before)];
  let offset = start + before;
  for (let count = 0; count < names; count++) {
    const read = readName(message, offset);
    if (!read || read.next > end) return undefined;
    parts.push(read.name);
    offset = read.next;
  }
  if (end - offset !== after) return undefined;
  return Buffer.concat([...parts, message.subarray(offset, end)]);
}

function isStrings(message: Buffer, start: number, end: number): boolean {
  let offset = start;
  while (offset < end) offset += 1 + (message[offset] ?? 0);
  return offset === end && end > start;
}
