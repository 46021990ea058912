/** The types of RFC 4251 section 5, each as bytes, and payloads made of them. For messages that are rare; bulk data is never built here. */

export function u8(value: number): Buffer {
  return Buffer.of(value);
}

export function bool(value: boolean): Buffer {
  return Buffer.of(value ? 1 : 0);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Text is taken one byte per character, as in a ByteString. */
export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

export function string(value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
  return Buffer.concat([u32(bytes.length), bytes]);
}

export function nameList(names: readonly string[]): Buffer {
  return string(names.join(","));
}

export function payload(type: number, ...fields: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(type), ...fields]);
}
