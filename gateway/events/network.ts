import { asText } from "../model/bytes.ts";
import { showEndpoint } from "../model/endpoint.ts";
import { NETWORK_RULES, type NetworkFact, type NetworkOutcome } from "../model/network-facts.ts";
import type { EventBody } from "./cowrie-event.ts";
import { textField } from "./text-fields.ts";

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
