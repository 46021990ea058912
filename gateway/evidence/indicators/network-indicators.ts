import { NETWORK_RULES, type NetworkFact } from "../../model/network-facts.ts";
import type { Observed } from "../observation.ts";
import { hostIndicator } from "./domain.ts";
import type { Found } from "./indicator.ts";
import { urlIndicators } from "./scan-urls.ts";
import { agentIn } from "./user-agents.ts";

/**
 * What was tried on the network, and forwards that were asked for: the names, and the addresses. Who tries more than MOST_TARGETS
 * different addresses scans; those are victims, and none of them is an indicator. Names are always told.
 */
export class TriedOnNetwork {
  readonly #addresses = new Set<string>();

  /** @param all that is known of the session, or of the time after it. */
  constructor(all: readonly Observed[]) {
    for (const one of all) {
      const host = targetOf(one);
      const found = host === undefined ? undefined : hostIndicator(host);
      if (found?.kind === "address" && this.#addresses.size <= MOST_TARGETS) this.#addresses.add(found.value);
    }
  }

  /** The indicators of one such observation. */
  of(one: Observed): Found[] {
    const host = one.kind === "network" ? undefined : hostIndicator(targetOf(one) ?? "");
    const found = one.kind === "network" ? networkIndicators(one) : host === undefined ? [] : [host];
    return found.filter(({ kind }) => kind !== "address" || this.#addresses.size <= MOST_TARGETS);
  }
}

function targetOf(one: Observed): string | undefined {
  if (one.kind === "network") return one.to.address;
  if (one.kind === "forward") return one.host;
  return one.kind === "process" && one.did === "connect" && "address" in one.to ? one.to.address : undefined;
}

function networkIndicators({ rule, protocol, to, name, data }: NetworkFact): Found[] {
  const named = name === undefined ? undefined : hostIndicator(name);
  const found = [...(named === undefined ? [] : [named]), ...agentIn(data ?? "")];
  const [, path] = /^(?:GET|POST|HEAD|PUT) (\/[!-~]{0,1500}) HTTP\/1/.exec(data ?? "") ?? [];
  if (path !== undefined && name !== undefined)
    found.push(...urlIndicators("http", `${name}${to.port === 80 ? "" : `:${to.port}`}${path}`));
  // A name's answer may be made up, and then the address is ours; of a question the address is the resolver's.
  const isTheirs = protocol !== "other" && ASKED_BY_THEM.has(rule);
  const address = isTheirs && named === undefined ? hostIndicator(to.address) : undefined;
  return address === undefined ? found : [...found, address];
}

/** Rules that stop or let pass a connection that was meant for somebody. */
const ASKED_BY_THEM: ReadonlySet<keyof typeof NETWORK_RULES> = new Set([
  ...(["egress", "bot", "rate", "connections", "cap", "limited", "sinkhole"] as const),
]);
const MOST_TARGETS = 20;
