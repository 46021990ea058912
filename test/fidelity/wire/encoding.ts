/** The few types of RFC 4251 section 5. The prober has its own: what it is to judge must not judge itself. */

export type Field = string | Buffer | number;

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function bytesOf(value: string | Buffer): Buffer {
  return typeof value === "string" ? Buffer.from(value, "latin1") : value;
}

/** A string with its length before it. */
export function str(value: string | Buffer): Buffer {
  const bytes = bytesOf(value);
  return Buffer.concat([u32(bytes.length), bytes]);
}

/** A number that is not negative, in the form of an mpint. */
export function mpint(magnitude: Buffer): Buffer {
  let at = 0;
  while (at < magnitude.length && magnitude[at] === 0) at++;
  const rest = magnitude.subarray(at);
  return str((rest[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.of(0), rest]) : rest);
}

/** A message: its type, then strings with their lengths, bytes as they are, and numbers as one byte. */
export function message(type: number, ...fields: readonly Field[]): Buffer {
  return Buffer.concat([
    Buffer.of(type),
    ...fields.map((field) =>
      typeof field === "string" ? str(field) : typeof field === "number" ? Buffer.of(field) : field,
    ),
  ]);
}

/** The strings at the start of what is given, as many as there are whole ones and at most `most`. */
export function strings(bytes: Buffer, at: number, most: number): { values: Buffer[]; rest: Buffer } {
  const values: Buffer[] = [];
  let next = at;
  while (values.length < most && bytes.length - next >= 4) {
    const length = bytes.readUInt32BE(next);
    if (bytes.length - next - 4 < length) break;
    values.push(bytes.subarray(next + 4, next + 4 + length));
    next += 4 + length;
  }
  return { values, rest: bytes.subarray(next) };
}

/** Printable ASCII as it is, all else as \xNN. */
export function readable(bytes: Buffer): string {
  return bytes.toString("latin1").replace(/[^\x20-\x7e]|\\/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
