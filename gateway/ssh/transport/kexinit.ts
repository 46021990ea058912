import { createHash, randomBytes } from "node:crypto";
import type { KeyExchange as KeyExchangeFact } from "../../model/entries.ts";
import { Reader } from "../messages/reader.ts";
import { bool, nameList, payload, u32 } from "../messages/writer.ts";
import { ProtocolError } from "./failures.ts";
import { KEX_MSG } from "./numbers.ts";

/** The ten lists of SSH_MSG_KEXINIT (RFC 4253 section 7.1). Names are as they were sent, one character per byte. */
export type KexInit = KeyExchangeFact["offer"];

const COOKIE = 16;

export function buildKexInit(offer: KexInit): Buffer {
  return payload(
    KEX_MSG.KEXINIT,
    randomBytes(COOKIE),
    nameList(offer.kex),
    nameList(offer.hostKey),
    nameList(offer.cipherToServer),
    nameList(offer.cipherToClient),
    nameList(offer.macToServer),
    nameList(offer.macToClient),
    nameList(offer.compressionToServer),
    nameList(offer.compressionToClient),
    nameList(offer.languageToServer),
    nameList(offer.languageToClient),
    bool(false),
    u32(0),
  );
}

/** @throws ProtocolError for cut or trailing bytes. */
export function parseKexInit(bytes: Buffer): { readonly offer: KexInit; readonly guessFollows: boolean } {
  const reader = new Reader(bytes, 1 + COOKIE);
  const names = () => {
    const text = reader.text();
    return text === "" ? [] : text.split(",");
  };
  const offer = {
    kex: names(),
    hostKey: names(),
    cipherToServer: names(),
    cipherToClient: names(),
    macToServer: names(),
    macToClient: names(),
    compressionToServer: names(),
    compressionToClient: names(),
    languageToServer: names(),
    languageToClient: names(),
  };
  const guessFollows = reader.bool();
  reader.u32();
  if (bytes.length < 1 + COOKIE || !reader.complete) throw new ProtocolError("malformed KEXINIT");
  return { offer, guessFollows };
}

/** HASSH: MD5 over the client's lists that tell implementations apart, hexadecimal (github.com/salesforce/hassh). */
export function hassh(client: KexInit): string {
  const text = [client.kex, client.cipherToServer, client.macToServer, client.compressionToServer]
    .map((names) => names.join(","))
    .join(";");
  return createHash("md5").update(text, "latin1").digest("hex");
}

/** Ours, from lists that are the same in both directions. */
export function symmetricOffer(lists: {
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
  readonly compression: readonly string[];
}): KexInit {
  return {
    kex: lists.kex,
    hostKey: lists.hostKey,
    cipherToServer: lists.cipher,
    cipherToClient: lists.cipher,
    macToServer: lists.mac,
    macToClient: lists.mac,
    compressionToServer: lists.compression,
    compressionToClient: lists.compression,
    languageToServer: [],
    languageToClient: [],
  };
}
