/**
 * OpenSSH reads most strings as C strings: a NUL anywhere but at the very end makes the packet malformed
 * (`sshbuf_get_cstring`), one at the end is dropped.
 */
export function isCString(bytes: Uint8Array): boolean {
  const at = bytes.indexOf(0);
  return at === -1 || at === bytes.length - 1;
}

/** What OpenSSH goes on with: the bytes before the first NUL. */
export function asCString(bytes: Buffer): Buffer {
  const at = bytes.indexOf(0);
  return at === -1 ? bytes : bytes.subarray(0, at);
}
