/**
 * The hash by which a journal finds its data: Bob Jenkins' lookup3 (public domain), "hashlittle2" with both seeds zero, as
 * systemd's JOURNAL_FILE_FORMAT asks for where a file is not keyed. Both words as one.
 */
export function lookup3(bytes: Buffer): bigint {
  let length = bytes.length;
  let at = 0;
  let a = (0xdeadbeef + length) | 0;
  let b = a;
  let c = a;
  const turn = (value: number, by: number) => (value << by) | (value >>> (32 - by));
  while (length > 12) {
    a = (a + bytes.readInt32LE(at)) | 0;
    b = (b + bytes.readInt32LE(at + 4)) | 0;
    c = (c + bytes.readInt32LE(at + 8)) | 0;
    a = (a - c) ^ turn(c, 4);
    c = (c + b) | 0;
    b = (b - a) ^ turn(a, 6);
    a = (a + c) | 0;
    c = (c - b) ^ turn(b, 8);
    b = (b + a) | 0;
    a = (a - c) ^ turn(c, 16);
    c = (c + b) | 0;
    b = (b - a) ^ turn(a, 19);
    a = (a + c) | 0;
    c = (c - b) ^ turn(b, 4);
    b = (b + a) | 0;
    length -= 12;
    at += 12;
  }
  if (length > 0) {
    const rest = Buffer.alloc(12);
    bytes.copy(rest, 0, at);
    a = (a + rest.readInt32LE(0)) | 0;
    b = (b + rest.readInt32LE(4)) | 0;
    c = (c + rest.readInt32LE(8)) | 0;
    c = ((c ^ b) - turn(b, 14)) | 0;
    a = ((a ^ c) - turn(c, 11)) | 0;
    b = ((b ^ a) - turn(a, 25)) | 0;
    c = ((c ^ b) - turn(b, 16)) | 0;
    a = ((a ^ c) - turn(c, 4)) | 0;
    b = ((b ^ a) - turn(a, 14)) | 0;
    c = ((c ^ b) - turn(b, 24)) | 0;
  }
  return (BigInt(c >>> 0) << 32n) | BigInt(b >>> 0);
}
