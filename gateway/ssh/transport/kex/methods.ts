import { curve25519 } from "./curve25519.ts";
import { dhGroup } from "./dh-group.ts";
import { ecdh } from "./ecdh.ts";
import { groupExchange } from "./group-exchange.ts";
import { hybrid, mlkem768, sntrup761 } from "./hybrid.ts";
import type { KexMethod } from "./method.ts";

const sntrup = hybrid("sha512", sntrup761);

/** In OpenSSH's order of preference: 9.2's, with what 9.9 put before it. */
export const KEX_METHODS: Readonly<Record<string, KexMethod>> = {
  "mlkem768x25519-sha256": hybrid("sha256", mlkem768),
  "sntrup761x25519-sha512": sntrup,
  "sntrup761x25519-sha512@openssh.com": sntrup,
  "curve25519-sha256": curve25519,
  "curve25519-sha256@libssh.org": curve25519,
  "ecdh-sha2-nistp256": ecdh("prime256v1", "sha256"),
  "ecdh-sha2-nistp384": ecdh("secp384r1", "sha384"),
  "ecdh-sha2-nistp521": ecdh("secp521r1", "sha512"),
  "diffie-hellman-group-exchange-sha256": groupExchange,
  "diffie-hellman-group16-sha512": dhGroup("modp16", "sha512"),
  "diffie-hellman-group18-sha512": dhGroup("modp18", "sha512"),
  "diffie-hellman-group14-sha256": dhGroup("modp14", "sha256"),
};

export function kexMethod(name: string): KexMethod {
  const found = KEX_METHODS[name];
  if (!found) throw new Error(`no such key exchange: ${name}`);
  return found;
}
