import { hash } from "node:crypto";
import type { ByteString } from "../../model/bytes.ts";
import { fromBase58, fromMoneroBase58 } from "./base58.ts";
import { isSegwitAddress } from "./bech32.ts";
import type { Found } from "./indicator.ts";

/**
 * Addresses of wallets, each with its checksum verified: Bitcoin, Litecoin, Dogecoin and Tron (base58check, bech32), Monero, Ethereum
 * (EIP-55). An Ethereum address in one case has no checksum, and counts only where the text speaks of it.
 */
export function walletsIn(text: string): Found[] {
  const found: Found[] = [];
  for (const [word] of text.matchAll(/[A-Za-z0-9]{26,}/g)) {
    if (word.length > LONGEST) continue;
    const coin = coinOf(word, text);
    if (coin !== undefined)
      found.push({ kind: "wallet", value: word as ByteString, details: { coin: coin as ByteString } });
  }
  return found;
}

/** Of what stands between two characters that no address holds. */
function coinOf(word: string, text: string): string | undefined {
  if (/^0x[0-9a-fA-F]{40}$/.test(word)) return isEthereum(word, text) ? "ethereum" : undefined;
  if (/^[48]/.test(word) && (word.length === 95 || word.length === 106))
    return isMonero(word) ? "monero" : undefined;
  if (/^bc1/i.test(word)) return isSegwitAddress(word, "bc") ? "bitcoin" : undefined;
  if (/^ltc1/i.test(word)) return isSegwitAddress(word, "ltc") ? "litecoin" : undefined;
  return word.length <= 35 ? base58CheckCoin(word) : undefined;
}

function base58CheckCoin(word: string): string | undefined {
  if (!/^[13LMDT]/.test(word)) return undefined;
  const bytes = fromBase58(word);
  if (bytes?.length !== 25) return undefined;
  const sum = hash("sha256", hash("sha256", bytes.subarray(0, 21), "buffer"), "buffer").subarray(0, 4);
  return sum.equals(bytes.subarray(21)) ? VERSIONS[bytes[0] ?? -1] : undefined;
}

/** By the first byte. */
const VERSIONS: Readonly<Record<number, string>> = {
  0x00: "bitcoin",
  0x05: "bitcoin",
  0x1e: "dogecoin",
  0x30: "litecoin",
  0x32: "litecoin",
  0x41: "tron",
};

function isMonero(word: string): boolean {
  const bytes = fromMoneroBase58(word);
  // Standard and integrated addresses of the main network, and subaddresses.
  if (bytes === undefined || ![18, 19, 42].includes(bytes[0] ?? 0)) return false;
  return keccak(bytes.subarray(0, -4)).subarray(0, 4).equals(bytes.subarray(-4));
}

function isEthereum(word: string, text: string): boolean {
  const digits = word.slice(2);
  const lower = digits.toLowerCase();
  if (digits === lower || digits === digits.toUpperCase())
    return !/^(.)\1*$/.test(lower) && /\b(?:eth|etc|ethereum|ethermine|nanopool|wallet)\b/i.test(text);
  const sum = keccak(Buffer.from(lower, "latin1")).toString("hex");
  return (
    Array.from(lower, (digit, place) =>
      parseInt(sum[place] ?? "", 16) >= 8 ? digit.toUpperCase() : digit,
    ).join("") === digits
  );
}

/** As it was before it became SHA-3. */
function keccak(bytes: Buffer): Buffer {
  return hash("KECCAK-256", bytes, "buffer");
}

/** An integrated address of Monero. */
const LONGEST = 106;
