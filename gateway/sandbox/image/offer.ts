import type { Learned } from "../../model/learned.ts";
import type { Persona } from "../../model/persona.ts";

/**
 * What `gateway/ssh/transport` implements in the server role. Offering more would be worse than offering less: the
 * peer would choose it and fail. (`sandbox` may not import `ssh`; a test holds the two lists together.)
 */
export const IMPLEMENTED = {
  kex: [
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
  ],
  hostKey: ["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"],
  cipher: [
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
  ],
  mac: [
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
  ],
  compression: ["none", "zlib@openssh.com"],
} as const satisfies Persona["offer"];

/** Names in a list of key exchanges that are none: what they announce is the transport's to do. */
export const MARKERS: readonly string[] = ["ext-info-s", "kex-strict-s-v00@openssh.com"];

/** sshd's own lists in its own order, less what we do not have. */
export function reducedOffer(learned: Learned): Persona["offer"] {
  return {
    kex: common(learned.kex, [...IMPLEMENTED.kex, ...MARKERS]),
    hostKey: common(learned.hostKey, IMPLEMENTED.hostKey),
    cipher: common(learned.cipher, IMPLEMENTED.cipher),
    mac: common(learned.mac, IMPLEMENTED.mac),
    compression: common(learned.compression, IMPLEMENTED.compression),
  };
}

export function knownMethods(learned: Learned): Persona["methods"] {
  return learned.methods.filter(
    (method) => method === "publickey" || method === "password" || method === "keyboard-interactive",
  );
}

function common(theirs: readonly string[], ours: readonly string[]): string[] {
  return theirs.filter((name) => ours.includes(name));
}
