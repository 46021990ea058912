import type { Agreed } from "./transport.ts";
import type { KexInit } from "./kexinit.ts";
import { CIPHERS, needsMac } from "./ciphers/table.ts";
import { MACS } from "./ciphers/macs.ts";
import { KEX_METHODS } from "./kex/methods.ts";

/** What is implemented in the server role, in OpenSSH's order. Offering more would be worse than offering less: the peer would choose it and fail. */
export const IMPLEMENTED = {
  kex: Object.keys(KEX_METHODS),
  hostKey: ["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"],
  cipher: Object.keys(CIPHERS),
  mac: Object.keys(MACS),
  compression: ["none", "zlib@openssh.com"],
} as const;

/** The client role is for sandboxes, which have them all, and so needs none of the key exchanges that are hard to do. */
export const CLIENT_KEX: readonly string[] = Object.entries(KEX_METHODS).flatMap(([name, { start }]) =>
  start ? [name] : [],
);

/** Names in a KEXINIT's list of key exchanges that are not one: they say what else the side understands. */
export const STRICT_CLIENT = "kex-strict-c-v00@openssh.com";
export const STRICT_SERVER = "kex-strict-s-v00@openssh.com";
/** RFC 8308 section 2.1. */
export const EXT_INFO_CLIENT = "ext-info-c";
export const EXT_INFO_SERVER = "ext-info-s";

const NOT_KEX = new Set<string>([STRICT_CLIENT, STRICT_SERVER, EXT_INFO_CLIENT, EXT_INFO_SERVER]);

export type Agreement =
  { readonly agreed: Agreed } | { readonly agreed: undefined; readonly problem: string };

/** OpenSSH reads a list no further than to an empty name (match.c, `match_list`). */
function beforeEmpty(names: readonly string[]): readonly string[] {
  const at = names.indexOf("");
  return at === -1 ? names : names.slice(0, at);
}

/** The client's first name that the server has too, for each list (RFC 4253 section 7.1). */
export function agree(client: KexInit, server: KexInit): Agreement {
  const missing: string[] = [];
  const choose = (what: string, theirs: readonly string[], ours: readonly string[]): string => {
    const found = beforeEmpty(theirs).find((name) => !NOT_KEX.has(name) && ours.includes(name));
    if (found === undefined) missing.push(what);
    return found ?? "";
  };
  const kex = choose("key exchange method", client.kex, server.kex);
  const hostKey = choose("host key type", client.hostKey, server.hostKey);
  const cipherToServer = choose("cipher", client.cipherToServer, server.cipherToServer);
  const cipherToClient = choose("cipher", client.cipherToClient, server.cipherToClient);
  const mac = (cipher: string, theirs: readonly string[], ours: readonly string[]) =>
    cipher !== "" && needsMac(cipher) ? choose("MAC", theirs, ours) : "";
  const macToServer = mac(cipherToServer, client.macToServer, server.macToServer);
  const macToClient = mac(cipherToClient, client.macToClient, server.macToClient);
  const compressionToServer = choose("compression", client.compressionToServer, server.compressionToServer);
  const compressionToClient = choose("compression", client.compressionToClient, server.compressionToClient);
  if (missing[0] !== undefined) return { agreed: undefined, problem: `no matching ${missing[0]}` };
  return {
    agreed: {
      kex,
      hostKey,
      cipherToServer,
      cipherToClient,
      macToServer,
      macToClient,
      compressionToServer,
      compressionToClient,
    },
  };
}

/** Whether a guessed key exchange packet was for what both sides put first (RFC 4253 section 7). */
export function guessWasRight(client: KexInit, server: KexInit): boolean {
  return client.kex[0] === server.kex[0] && client.hostKey[0] === server.hostKey[0];
}
