import type { Sighting } from "../../firewall/witness.ts";
import { look, Warning, type Finding } from "../finding.ts";
import type { Expected, Kind, Try } from "./tries.ts";

/** What the program inside saw of one try; `error` is the kernel's name for it. */
export interface Inside {
  readonly state: "answered" | "refused" | "silent" | "unsent" | "opened";
  readonly error: string;
}

/** Where a try came through to, as was seen from outside. */
export type Arrival = "out" | "host" | "neighbour" | "outpost";

export interface Outcome {
  readonly inside: Inside | undefined;
  /** netfilter saw it come from the sandbox. */
  readonly isSent: boolean;
  readonly arrivals: readonly Arrival[];
  /** Whom our resolver was about to ask. */
  readonly asked: readonly string[];
}

const NUMBERS: Readonly<Record<Kind, number>> = {
  ...{ tcp: 6, udp: 17, icmp: 1, tcp6: 6, udp6: 17 },
  ...{ unix: 0, raw: 0, packet: 0, vsock: 0 },
};

/** As a witness notes it. IPv6 without a port. */
export function sightingOf({ kind, address, port }: Pick<Try, "kind" | "address" | "port">): Sighting {
  const isPorted = kind === "tcp" || kind === "udp";
  return [address, NUMBERS[kind], ...(isPorted ? [port] : [])].join(" ");
}

export function nameOf({ kind, port, of }: Try): string {
  switch (kind) {
    case "tcp":
    case "udp":
      return `${kind.toUpperCase()} port ${port} of ${of}`;
    case "tcp6":
    case "udp6":
      return `IPv6, ${kind === "tcp6" ? "TCP" : "UDP"} port ${port} of ${of}`;
    case "icmp":
      return `an echo from ${of}`;
    case "unix":
    case "raw":
    case "packet":
    case "vsock":
      return of;
    default:
      return kind satisfies never;
  }
}

/** Good where what happened is what the policy says, bad where it is anything else, a warning where it could not be tried. */
export function judge(attempt: Try, outcome: Outcome): Promise<Finding> {
  return look(`probe: ${nameOf(attempt)}`, () => verdictOn(attempt, outcome));
}

function verdictOn(attempt: Try, outcome: Outcome): string {
  const { inside, arrivals, isSent } = outcome;
  const { expected, kind } = attempt;
  const surprising = arrivals.filter((arrival) => arrival !== ALLOWED[expected]);
  if (surprising.length > 0) throw new Error(`${surprising.map((each) => LEAKS[each]).join(" ")} ${REMEDY}`);
  if (inside === undefined)
    throw new Warning("could not be tried: the program inside did not say what came of it.");
  if (inside.state === "opened")
    throw new Error(
      `root in a sandbox was given one, which the container's settings are to refuse. ${REMEDY}`,
    );
  if (inside.state === "unsent") {
    if (kind === "tcp" || kind === "udp") throw new Warning(`could not be tried (${inside.error}).`);
    return `cannot be done in a sandbox at all (${inside.error})`;
  }
  if (expected === "nothing") return refusedOf(inside, isSent);
  if (arrivals.length === 0) {
    // It was not let through, and yet somebody spoke.
    if (inside.state === "answered") throw new Error(`${ANSWERED} ${REMEDY}`);
    throw new Error(
      "the policy lets it through, and nothing came of it. Another firewall of this machine (`iptables -S FORWARD`, `nft list ruleset`) or a missing route stops it.",
    );
  }
  return letThrough(attempt, outcome, inside);
}

const ALLOWED: Readonly<Record<Expected, Arrival | undefined>> = {
  nothing: undefined,
  out: "out",
  names: "outpost",
  outpost: "outpost",
};

const LEAKS: Readonly<Record<Arrival, string>> = {
  out: "It would have left this machine, and the policy does not let it out; the probe held it back.",
  host: "It came through to this machine itself; the probe held it back.",
  neighbour: "It came through to another sandbox.",
  outpost: "It was led to the outpost, which the policy does not say.",
};
const ANSWERED = "It was answered, and the policy lets nobody answer there.";
const REMEDY =
  "Run no gateway on this machine until it is known why: docs/containment.md names the layers that have to hold.";

function refusedOf(inside: Inside, isSent: boolean): string {
  if (inside.state === "answered") throw new Error(`${ANSWERED} ${REMEDY}`);
  const how = inside.state === "refused" ? `refused (${inside.error})` : "dropped";
  return `${how}${isSent ? "" : " at the sandbox's own port"}, as it should be`;
}

function letThrough({ expected, kind }: Try, { asked }: Outcome, inside: Inside): string {
  const isAnswered = inside.state === "answered";
  switch (expected) {
    case "out":
      return "let out, as the policy says; the probe held it back";
    case "names":
      if (isAnswered) return "our resolver answered, as the policy says";
      if (asked.length > 0)
        return `our resolver took it, as the policy says, and asked ${asked.join(", ")}; the probe held that back`;
      throw new Error("it was led to our resolver, as the policy says, and was not answered.");
    case "outpost":
      if (isAnswered) return "the outpost answered, as the policy says";
      // What it knows no words for it only records.
      if (kind === "udp") return "the outpost took it, as the policy says";
      throw new Error("it was led to the outpost, as the policy says, and was not answered.");
    case "nothing":
      return "dropped";
    default:
      return expected satisfies never;
  }
}
