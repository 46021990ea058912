import { asText, fromByteString } from "../model/bytes.ts";
import type { ClientVersion, KeyExchange } from "../model/entries.ts";
import type { Terminal, Unreadable, Variable } from "../evidence/observation.ts";
import type { EventBody } from "./cowrie-event.ts";
import { CHANNEL, field, maybe, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";

export const CLIENT_EVENTS: EventRows = {
  "client.version": {
    when: "the client's identification line came",
    fields: { version: field("text") },
  },
  "client.kex": {
    when: "the client's key exchange proposal came",
    fields: {
      hassh: field("md5"),
      hasshAlgorithms: field("string", "`kex;enc;mac;comp`"),
      kexAlgs: field("strings"),
      keyAlgs: field("strings"),
      encCS: field("strings"),
      macCS: field("strings"),
      compCS: field("strings"),
      langCS: field("strings", 'an empty list is `[""]`'),
      mitsubako_agreed: maybe("strings", "key exchange, host key, cipher and MAC agreed on"),
    },
  },
  "client.var": {
    when: "an `env` request",
    fields: { name: field("text"), value: field("text"), ...CHANNEL },
  },
  "client.size": {
    when: "a terminal was asked for, or changed its size",
    fields: {
      width: field("integer", "columns"),
      height: field("integer", "rows"),
      mitsubako_term: maybe("text", "`TERM`"),
      ...CHANNEL,
    },
  },
  "client.malformed_packet": {
    when: "a message that is not what its type says",
    fields: {
      messagenum: field("integer"),
      datalen: field("integer", "bytes"),
      data: field("hex", "its first 256 bytes"),
    },
  },
};

export function clientVersion({ version }: ClientVersion): EventBody {
  return {
    eventid: "cowrie.client.version",
    message: `Client identifies as ${asText(version)}`,
    ...textField("version", version),
  };
}

export function clientKex({ offer, agreed, hassh }: KeyExchange): EventBody {
  const lists = [offer.kex, offer.cipherToServer, offer.macToServer, offer.compressionToServer];
  return {
    eventid: "cowrie.client.kex",
    message: `Client's HASSH is ${hassh}`,
    hassh,
    hasshAlgorithms: lists.map((names) => names.join(",")).join(";"),
    kexAlgs: offer.kex,
    keyAlgs: offer.hostKey,
    encCS: offer.cipherToServer,
    macCS: offer.macToServer,
    compCS: offer.compressionToServer,
    langCS: offer.languageToServer.length === 0 ? [""] : offer.languageToServer,
    ...(agreed === undefined
      ? {}
      : { mitsubako_agreed: [agreed.kex, agreed.hostKey, agreed.cipherToServer, agreed.macToServer] }),
  };
}

export function clientVariable({ name, value, channel }: Variable): EventBody {
  return {
    eventid: "cowrie.client.var",
    message: `Environment: ${asText(name)}=${asText(value)}`,
    ...textField("name", name),
    ...textField("value", value),
    mitsubako_channel: channel,
  };
}

export function clientSize({ columns, rows, term, channel }: Terminal): EventBody {
  return {
    eventid: "cowrie.client.size",
    message: `Terminal of ${columns} columns and ${rows} rows`,
    width: columns,
    height: rows,
    ...(term === undefined ? {} : textField("mitsubako_term", term)),
    mitsubako_channel: channel,
  };
}

export function malformedPacket({ messageNumber, length, data }: Unreadable): EventBody {
  return {
    eventid: "cowrie.client.malformed_packet",
    message: `Malformed packet of type ${messageNumber}`,
    messagenum: messageNumber,
    datalen: length,
    data: fromByteString(data).subarray(0, FIRST_BYTES).toString("hex"),
  };
}

/** As many as Cowrie shows. The recording has all. */
const FIRST_BYTES = 256;
