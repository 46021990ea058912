import type { KeyExchange } from "../model/entries.ts";
import { asText, fromByteString, type ByteString } from "../model/bytes.ts";
import type { Observation, Offered, Transferred, Tried } from "../evidence/observation.ts";
import type { EventBody, EventValue } from "./cowrie-event.ts";
import { networkEvent } from "./network.ts";
import { textField } from "./text-fields.ts";

/** What the events of a gateway say that its recordings do not. */
export interface EventContext {
  /** The gateway's own, from `gateway.json`. */
  readonly uuid: string;
  /** As `session.params` says it, such as `linux-x64-lsb`. */
  readonly arch: string;
}

/** The events that one observation makes. What Cowrie has no word for makes none; it stays in the evidence. */
export function cowrieEvents(observation: Observation, context: EventContext): EventBody[] {
  switch (observation.kind) {
    case "session-opened": {
      const { source, listener, persona, policy } = observation;
      return [
        {
          eventid: "cowrie.session.connect",
          message: `New connection: ${source.address}:${source.port} to ${listener.address}:${listener.port}`,
          mitsubako_persona: persona,
          mitsubako_policy: policy,
        },
      ];
    }
    case "client-version":
      return [
        {
          eventid: "cowrie.client.version",
          message: `Client identifies as ${asText(observation.version)}`,
          ...textField("version", observation.version),
        },
      ];
    case "key-exchange":
      return [clientKex(observation)];
    case "key-offered":
      return [
        {
          eventid: "cowrie.client.fingerprint",
          message: `Public key ${observation.fingerprintMd5} shown for ${asText(observation.user)}`,
          ...textField("username", observation.user),
          ...keyFields(observation),
        },
      ];
    case "tried":
      return login(observation, context);
    case "sandbox-leased":
    case "logged-in":
    case "session-ended":
    case "channel-opened":
    case "channel-closed":
    case "typed":
    case "subsystem":
    case "file-operation":
    case "listen":
      return [];
    case "command":
      return [
        {
          eventid: "cowrie.command.input",
          message: `Command: ${asText(observation.text)}`,
          ...textField("input", observation.text),
          mitsubako_way: observation.way,
          mitsubako_exact: observation.exact,
          mitsubako_channel: observation.channel,
        },
      ];
    case "terminal":
      return [
        {
          eventid: "cowrie.client.size",
          message: `Terminal of ${observation.columns} columns and ${observation.rows} rows`,
          width: observation.columns,
          height: observation.rows,
          ...(observation.term === undefined ? {} : textField("mitsubako_term", observation.term)),
          mitsubako_channel: observation.channel,
        },
      ];
    case "variable":
      return [
        {
          eventid: "cowrie.client.var",
          message: `Environment: ${asText(observation.name)}=${asText(observation.value)}`,
          ...textField("name", observation.name),
          ...textField("value", observation.value),
          mitsubako_channel: observation.channel,
        },
      ];
    case "transfer":
      return upload(observation, observation.channel);
    case "forward":
      return [
        {
          eventid: "cowrie.direct-tcpip.request",
          message: `Forward asked to ${asText(observation.host)}:${observation.port}`,
          ...textField("dst_ip", observation.host),
          dst_port: observation.port,
          ...textField("orig_ip", observation.originatorHost),
          orig_port: observation.originatorPort,
          mitsubako_channel: observation.channel,
        },
      ];
    case "forward-data":
      return [
        {
          eventid: "cowrie.direct-tcpip.data",
          message: `Forwarded to ${asText(observation.host)}:${observation.port}: ${observation.size} bytes`,
          ...textField("dst_ip", observation.host),
          dst_port: observation.port,
          ...textField("data", observation.data),
          id: observation.channel,
          mitsubako_size: observation.size,
        },
      ];
    case "network":
      return [networkEvent(observation)];
    case "unreadable":
      return [
        {
          eventid: "cowrie.client.malformed_packet",
          message: `Malformed packet of type ${observation.messageNumber}`,
          messagenum: observation.messageNumber,
          datalen: observation.length,
          data: fromByteString(observation.data).toString("hex"),
        },
      ];
    default:
      observation satisfies never;
      return [];
  }
}

function clientKex({ offer, agreed, hassh }: KeyExchange): EventBody {
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

/**
 * A question whether a key would do is an offer (client.fingerprint), not a login; nor is "none", by which clients
 * ask for the methods. An attempt that got no answer failed.
 */
function login(tried: Tried, { arch }: EventContext): EventBody[] {
  if (tried.method === "none" || tried.outcome === "key-acceptable") return [];
  const accepted = tried.outcome === "accepted";
  const secret: Record<string, EventValue> =
    tried.key === undefined ? textField("password", tried.password ?? "") : keyFields(tried.key);
  const event: EventBody = {
    eventid: accepted ? "cowrie.login.success" : "cowrie.login.failed",
    message: `Login ${accepted ? "accepted" : "refused"} for ${asText(tried.user)} by ${tried.method}`,
    ...textField("username", tried.user),
    ...secret,
    mitsubako_method: tried.method,
    mitsubako_attempt: tried.number,
    ...(tried.newPassword === undefined ? {} : textField("mitsubako_new_password", tried.newPassword)),
    ...(tried.by === undefined ? {} : { mitsubako_decided_by: tried.by }),
    ...(tried.rule === undefined ? {} : { mitsubako_rule: tried.rule }),
  };
  return accepted
    ? [event, { eventid: "cowrie.session.params", message: `Machine is ${arch}`, arch }]
    : [event];
}

function keyFields(key: Omit<Offered, "kind" | "user">): Record<string, EventValue> {
  const type = asText(key.algorithm);
  return {
    fingerprint: key.fingerprintMd5,
    key: `${type} ${key.blob}`,
    ...textField("type", key.algorithm),
    mitsubako_fingerprint_sha256: key.fingerprintSha256,
  };
}

/**
 * Files that came in whole. Those that did not have no hash to be known by, and those that left the sandbox are no word of Cowrie's.
 * The artifact of that hash is there once the sandbox was captured, if the file was still in it then.
 */
function upload(file: Transferred, channel: number): EventBody[] {
  if (file.direction !== "upload" || file.sha256 === undefined) return [];
  const path = asText(file.path as ByteString);
  return [
    {
      eventid: "cowrie.session.file_upload",
      message: `File ${path} uploaded, ${file.size} bytes`,
      ...textField("filename", file.path),
      outfile: `data/artifacts/${file.sha256}`,
      shasum: file.sha256,
      ...(file.protocol === "scp"
        ? {
            duplicate: false,
            url: asText(baseName(file.path) as ByteString),
            ...textField("destfile", file.path),
          }
        : {}),
      mitsubako_transfer: file.protocol,
      mitsubako_size: file.size,
      mitsubako_channel: channel,
    },
  ];
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
