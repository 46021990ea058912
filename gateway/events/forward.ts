import { asText } from "../model/bytes.ts";
import type { ForwardAsked, ForwardData } from "../evidence/observation.ts";
import type { EventBody } from "./cowrie-event.ts";
import { CHANNEL, field, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";

const TARGET = {
  dst_ip: field("text", "asked for; may be a name"),
  dst_port: field("integer", "asked for"),
};

export const FORWARD_EVENTS: EventRows = {
  "direct-tcpip.request": {
    when: "a forward was asked for (`ssh -L`, `-D`, `-W`)",
    fields: {
      ...TARGET,
      orig_ip: field("text", "claimed"),
      orig_port: field("integer", "claimed"),
      ...CHANNEL,
    },
  },
  "direct-tcpip.data": {
    when: "data sent into a forward: at most 4 KiB of each message, of the first 32 messages of a channel",
    fields: {
      ...TARGET,
      data: field("text"),
      id: field("integer", "the channel's number"),
      mitsubako_size: field("integer", "bytes"),
    },
  },
};

export function forwardAsked(asked: ForwardAsked): EventBody {
  const { host, port, originatorHost, originatorPort, channel } = asked;
  return {
    eventid: "cowrie.direct-tcpip.request",
    message: `Forward asked to ${asText(host)}:${port}`,
    ...textField("dst_ip", host),
    dst_port: port,
    ...textField("orig_ip", originatorHost),
    orig_port: originatorPort,
    mitsubako_channel: channel,
  };
}

export function forwardData({ host, port, data, size, channel }: ForwardData): EventBody {
  return {
    eventid: "cowrie.direct-tcpip.data",
    message: `Forwarded to ${asText(host)}:${port}: ${size} bytes`,
    ...textField("dst_ip", host),
    dst_port: port,
    ...textField("data", data),
    id: channel,
    mitsubako_size: size,
  };
}
