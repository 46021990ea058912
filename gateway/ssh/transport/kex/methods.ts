import { curve25519 } from "./curve25519.ts";
import { dhGroup } from "./dh-group.ts";
import { ecdh } from "./ecdh.ts";
import type { KexMethod } from "./method.ts";

/** In OpenSSH 9.2's order of preference. */
export const KEX_METHODS: Readonly<Record<string, KexMethod>> = {
  "curve25519-sha256": curve25519,
  "curve25519-sha256@libssh.org": curve25519,
  "ecdh-sha2-nistp256": ecdh("prime256v1", "sha256"),
  "ecdh-sha2-nistp384": ecdh("secp384r1", "sha384"),
  "ecdh-sha2-nistp521": ecdh("secp521r1", "sha512"),
  "diffie-hellman-group16-sha512": dhGroup("modp16", "sha512"),
  "diffie-hellman-group18-sha512": dhGroup("modp18", "sha512"),
  "diffie-hellman-group14-sha256": dhGroup("modp14", "sha256"),
};

export function kexMethod(name: string): KexMethod {
  const found = KEX_METHODS[name];
  if (!found) throw new Error(`no such key exchange: ${name}`);
  return found;
}
