import { AesCtrEtmOpener, AesCtrOpener, AesCtrSealer } from "./aes-ctr.ts";
import { AesGcmOpener, AesGcmSealer } from "./aes-gcm.ts";
import { ChaChaPolyOpener, ChaChaPolySealer } from "./chacha20-poly1305.ts";
import type { DirectionKeys, Opener, Sealer } from "./direction.ts";
import type { MacAlgorithm } from "./mac.ts";
import { MACS } from "./macs.ts";

interface CipherEntry {
  /** Bytes of key material. */
  readonly keyLength: number;
  readonly ivLength: number;
  /** Undefined where the cipher authenticates by itself; then no MAC is negotiated. */
  readonly needsMac: boolean;
  sealer(keys: DirectionKeys, mac: MacAlgorithm | undefined): Sealer;
  opener(keys: DirectionKeys, mac: MacAlgorithm | undefined): Opener;
}

function gcm(algorithm: "aes-128-gcm" | "aes-256-gcm", keyLength: number): CipherEntry {
  return {
    keyLength,
    ivLength: 12,
    needsMac: false,
    sealer: (keys) => new AesGcmSealer(algorithm, keys),
    opener: (keys) => new AesGcmOpener(algorithm, keys),
  };
}

function ctr(algorithm: "aes-128-ctr" | "aes-192-ctr" | "aes-256-ctr", keyLength: number): CipherEntry {
  return {
    keyLength,
    ivLength: 16,
    needsMac: true,
    sealer: (keys, mac) => new AesCtrSealer(algorithm, present(mac), keys),
    opener: (keys, mac) =>
      present(mac).encryptThenMac
        ? new AesCtrEtmOpener(algorithm, present(mac), keys)
        : new AesCtrOpener(algorithm, present(mac), keys),
  };
}

function present(mac: MacAlgorithm | undefined): MacAlgorithm {
  if (!mac) throw new Error("a cipher without authentication of its own was set up without a MAC");
  return mac;
}

export const CIPHERS: Readonly<Record<string, CipherEntry>> = {
  "chacha20-poly1305@openssh.com": {
    keyLength: 64,
    ivLength: 0,
    needsMac: false,
    sealer: (keys) => new ChaChaPolySealer(keys),
    opener: (keys) => new ChaChaPolyOpener(keys),
  },
  "aes128-ctr": ctr("aes-128-ctr", 16),
  "aes192-ctr": ctr("aes-192-ctr", 24),
  "aes256-ctr": ctr("aes-256-ctr", 32),
  "aes128-gcm@openssh.com": gcm("aes-128-gcm", 16),
  "aes256-gcm@openssh.com": gcm("aes-256-gcm", 32),
};

/** Names as agreed, "" for the MAC of a cipher that authenticates by itself. */
export function sealerFor(cipher: string, mac: string, keys: DirectionKeys): Sealer {
  return entry(cipher).sealer(keys, MACS[mac]);
}

export function openerFor(cipher: string, mac: string, keys: DirectionKeys): Opener {
  return entry(cipher).opener(keys, MACS[mac]);
}

export function needsMac(cipher: string): boolean {
  return entry(cipher).needsMac;
}

/** Bytes of key material for one direction. */
export function keyLengths(cipher: string, mac: string): { iv: number; key: number; macKey: number } {
  const { ivLength, keyLength } = entry(cipher);
  return { iv: ivLength, key: keyLength, macKey: MACS[mac]?.keyLength ?? 0 };
}

function entry(cipher: string): CipherEntry {
  const found = CIPHERS[cipher];
  if (!found) throw new Error(`no such cipher: ${cipher}`);
  return found;
}
