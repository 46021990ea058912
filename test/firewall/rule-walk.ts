/** Walks a packet through rules as data, for tests: apart from both engines, and from how the rules are made. */
import { overlaps } from "../../gateway/firewall/subnet.ts";
import type { Chains, Condition, Rule } from "../../gateway/firewall/rule-model.ts";

/** A packet that begins something new, or belongs to what is marked so. */
export interface Packet {
  readonly link: string;
  readonly out?: string;
  readonly source: string;
  readonly destination: string;
  readonly protocol: "tcp" | "udp" | "icmp" | "other";
  /** Destination port. */
  readonly port: number;
  /** Of the connection; absent: it is new. */
  readonly mark?: string;
}

export interface World {
  /** By set, who is in it. */
  readonly sets: Readonly<Record<string, ReadonlySet<string>>>;
  /** The machine's own addresses. */
  readonly host: readonly string[];
}

export interface Verdict {
  readonly kind: "accept" | "drop" | "through" | "follow" | "refuse" | "none";
  readonly mark?: string;
  /** What was told of it last. */
  readonly told?: string;
}

export function walk(chains: Chains, start: string, packet: Packet, world: World): Verdict {
  let told: string | undefined;
  const end = (kind: Verdict["kind"], mark?: string): Verdict => ({
    kind,
    ...(mark === undefined ? {} : { mark }),
    ...(told === undefined ? {} : { told }),
  });
  for (let chain: string | undefined = start; chain !== undefined;) {
    const rules: readonly Rule[] | undefined = chains[chain];
    if (!rules) throw new Error(`a rule leads to ${chain}, which is not there`);
    chain = undefined;
    for (const { when, then } of rules) {
      if (!when.every((condition) => isMet(condition, packet, world))) continue;
      switch (then.kind) {
        case "tell":
          told = then.rule;
          continue;
        case "spend":
          continue;
        case "goto":
          chain = then.chain;
          break;
        case "let-through":
          return end("through", then.mark);
        case "let-follow":
          return end("follow", packet.mark);
        case "refuse":
          return end("refuse");
        case "accept":
        case "drop":
          return end(then.kind);
        default:
          return end("accept");
      }
      break;
    }
  }
  return end("none");
}

function isMet(condition: Condition, packet: Packet, { sets, host }: World): boolean {
  const end = (which: "source" | "destination") => packet[which];
  const isIn = (ranges: readonly string[]) => ranges.some((range) => overlaps(range, packet.destination));
  switch (condition.kind) {
    case "in":
      return packet.link === condition.link;
    case "out":
      return packet.out === condition.link;
    case "out-elsewhere":
      return !condition.links.includes(packet.out ?? "");
    case "not-ipv4":
    case "ip-options":
    case "reply":
    case "users":
    case "over-rate":
    case "over-connections":
    case "over-cap":
      return false;
    case "protocol":
      return (condition.protocols as readonly string[]).includes(packet.protocol) === condition.is;
    case "address":
      return overlaps(condition.range, end(condition.end)) === condition.is;
    case "to-any":
      return isIn(condition.ranges);
    case "fenced":
      return isIn(condition.fences) && !isIn(condition.openings);
    case "to-host":
      return host.includes(packet.destination);
    case "not-unicast":
      return overlaps("224.0.0.0/3", packet.destination);
    case "port":
      // No packet of these comes from a port that rules ask for.
      return (
        condition.end === "destination" &&
        packet.protocol === condition.protocol &&
        packet.port === condition.port
      );
    case "ports":
      return (
        packet.protocol === condition.protocol &&
        condition.ports.some(([first, last]) => first <= packet.port && packet.port <= last)
      );
    case "question":
      return (packet.protocol === "tcp" || packet.protocol === "udp") && packet.port === 53;
    case "flags":
      return (
        packet.protocol === "tcp" &&
        (packet.mark === undefined) === (condition.is === (condition.are === "syn"))
      );
    case "state": {
      const states = packet.mark === undefined ? ["new"] : ["established"];
      return states.some((each) => (condition.states as readonly string[]).includes(each)) === condition.is;
    }
    case "mark": {
      const mark = Number(packet.mark ?? "0");
      return (
        (condition.mask === undefined ? mark : (mark & Number(condition.mask)) >>> 0) ===
        Number(condition.mark)
      );
    }
    case "sandbox-in":
      return (sets[condition.set]?.has(end(condition.end)) ?? false) === condition.is;
    case "not-echo-request":
      return false;
    case "within-rate":
      return true;
    default:
      return condition satisfies never;
  }
}
