import { asText } from "../model/bytes.ts";
import { showEndpoint } from "../model/endpoint.ts";
import { NETWORK_RULES, type NetworkFact, type NetworkOutcome } from "../model/network-facts.ts";
import type { EventBody } from "./cowrie-event.ts";
import { field, maybe, type EventRow, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";

const FIELDS = {
  dst_port: field("integer", "0 where the protocol has none"),
  data: maybe("text", "the first bytes that the sinkhole was sent, at most 1 KiB"),
  mitsubako_protocol: field("string", "`tcp`, `udp`, `icmp`, `other`"),
  mitsubako_protocol_number: maybe("integer", "for `other`"),
  mitsubako_rule: field("string"),
  mitsubako_src_port: field("integer", "the sandbox's"),
  mitsubako_count: field("integer", "how many like it"),
  mitsubako_name: maybe("text", "asked for or spoken of"),
  mitsubako_size: maybe("integer", "bytes that the sinkhole was sent"),
  mitsubako_sandbox: maybe("string", "of late ones"),
};

/** Ours: Cowrie has no word for what its shell could never try. */
export const NETWORK_EVENTS: EventRows = {
  "network.denied": row("the sandbox tried something on its network that was stopped"),
  "network.capped": row("it was stopped because a byte cap is used up"),
  "network.allowed": row("it was let out, or a name was looked up"),
  "network.sinkholed": row("the sinkhole answered it in the world's place"),
} satisfies Record<`network.${NetworkOutcome}`, EventRow>;

function row(when: string): EventRow {
  return { when, fields: FIELDS };
}

/** What a sandbox tried on its network. `dst_ip` and `dst_port` are where it wanted to go, whoever answered. */
export function networkEvent(fact: NetworkFact): EventBody {
  const { rule, protocol, number, from, to, count, name, data, size } = fact;
  const { outcome } = NETWORK_RULES[rule];
  return {
    eventid: `cowrie.network.${outcome}`,
    message: sentence(fact, outcome),
    dst_ip: to.address,
    dst_port: to.port,
    ...(data === undefined ? {} : textField("data", data)),
    mitsubako_protocol: protocol,
    ...(number === undefined ? {} : { mitsubako_protocol_number: number }),
    mitsubako_rule: rule,
    mitsubako_src_port: from,
    mitsubako_count: count,
    ...(name === undefined ? {} : textField("mitsubako_name", name)),
    ...(size === undefined ? {} : { mitsubako_size: size }),
  };
}

const OUTCOME_WORDS = {
  denied: "Stopped",
  capped: "Stopped by a cap",
  allowed: "Let out",
  sinkholed: "Answered by the sinkhole",
} as const satisfies Record<NetworkOutcome, string>;

function sentence({ rule, protocol, number, to, count, name }: NetworkFact, outcome: NetworkOutcome): string {
  const what = protocol === "other" ? `protocol ${number ?? "unknown"}` : protocol;
  const where = to.port === 0 ? to.address : showEndpoint(to);
  const named = name === undefined ? "" : ` (${asText(name)})`;
  return `${OUTCOME_WORDS[outcome]}: ${what} to ${where}${named}, rule ${rule}${count === 1 ? "" : `, ${count} times`}`;
}
