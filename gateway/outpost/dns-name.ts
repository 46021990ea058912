import { toByteString, type ByteString } from "../model/bytes.ts";

/** A domain name as it stands in a message, uncompressed: each label after its length, an empty one at the end. Bytes, not text. */
export type WireName = Buffer;

const LONGEST_NAME = 255;
const POINTER = 0xc0;

export interface ReadName {
  readonly name: WireName;
  /** Where the message goes on behind it. */
  readonly next: number;
}

/** Undefined for what is no name. Pointers (RFC 1035, 4.1.4) may only point back, so there is no way round in a circle. */
export function readName(message: Buffer, start: number): ReadName | undefined {
  const parts: Buffer[] = [];
  let length = 0;
  let next: number | undefined;
  let offset = start;
  let before = start;
  for (;;) {
    const size = message[offset];
    if (size === undefined) return undefined;
    if ((size & POINTER) === POINTER) {
      const low = message[offset + 1];
      if (low === undefined) return undefined;
      next ??= offset + 2;
      offset = ((size & ~POINTER) << 8) | low;
      if (offset >= before) return undefined;
      before = offset;
      continue;
    }
    if ((size & POINTER) !== 0) return undefined;
    const end = offset + 1 + size;
    length += 1 + size;
    if (end > message.length || length > LONGEST_NAME) return undefined;
    parts.push(message.subarray(offset, end));
    offset = end;
    if (size === 0) return { name: Buffer.concat(parts), next: next ?? end };
  }
}

/** The labels' bytes with dots between, for keeping; the root is an empty name. */
export function nameBytes(name: WireName): ByteString {
  return toByteString(
    Buffer.from(
      labelsOf(name)
        .map((label) => label.toString("latin1"))
        .join("."),
      "latin1",
    ),
  );
}

/** Equal names have equal keys: case does not count (RFC 4343). */
export function nameKey(name: WireName): string {
  // Lengths are below 64 and so no letters; only A to Z have another case, whatever the other bytes mean.
  return name.toString("latin1").replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

export function labelsOf(name: WireName): Buffer[] {
  const labels: Buffer[] = [];
  let offset = 0;
  for (let size = name[0] ?? 0; size > 0; size = name[offset] ?? 0) {
    labels.push(name.subarray(offset + 1, offset + 1 + size));
    offset += 1 + size;
  }
  return labels;
}

/** A label before a name; undefined when it becomes too long. */
export function below(label: string, name: WireName): WireName | undefined {
  const bytes = Buffer.from(label, "latin1");
  const longer = Buffer.concat([Buffer.from([bytes.length]), bytes, name]);
  return longer.length > LONGEST_NAME ? undefined : longer;
}
