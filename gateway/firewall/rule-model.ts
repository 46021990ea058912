import type { NetworkRule } from "../model/network-facts.ts";

/**
 * Rules as data: what a packet has to be, and what then becomes of it. Both engines render the same rules, each in its own words.
 * A rule applies when every one of its conditions does.
 */
export interface Rule {
  readonly when: readonly Condition[];
  readonly then: Action;
  /** Said beside the rule, for who reads a listing. */
  readonly note?: string;
}

/** Chains by name, each a list of rules. */
export type Chains = Readonly<Record<string, readonly Rule[]>>;

export type Protocol = "tcp" | "udp" | "icmp";
export type Ports = readonly (readonly [number, number])[];
export type TcpFlag = "fin" | "syn" | "rst" | "ack";
export type End = "source" | "destination";

export interface Rate {
  readonly count: number;
  readonly per: "second" | "minute" | "hour" | "day";
}

export type Condition =
  | { readonly kind: "in"; readonly link: string }
  | { readonly kind: "out"; readonly link: string }
  | { readonly kind: "out-elsewhere"; readonly links: readonly string[] }
  | { readonly kind: "not-ipv4" }
  | { readonly kind: "protocol"; readonly protocols: readonly Protocol[]; readonly is: boolean }
  | { readonly kind: "address"; readonly end: End; readonly range: string; readonly is: boolean }
  | { readonly kind: "to-any"; readonly ranges: readonly string[] }
  /** To a range of the one, and none of the other. */
  | { readonly kind: "fenced"; readonly fences: readonly string[]; readonly openings: readonly string[] }
  | { readonly kind: "to-host" }
  | { readonly kind: "not-unicast" }
  | { readonly kind: "port"; readonly end: End; readonly protocol: "tcp" | "udp"; readonly port: number }
  | { readonly kind: "ports"; readonly protocol: "tcp" | "udp"; readonly ports: Ports }
  /** A question for a name, by TCP or UDP. */
  | { readonly kind: "question" }
  | {
      readonly kind: "flags";
      readonly among: readonly TcpFlag[];
      readonly are: TcpFlag;
      readonly is: boolean;
    }
  | { readonly kind: "state"; readonly states: readonly State[]; readonly is: boolean }
  | { readonly kind: "reply" }
  /** Of the connection. Under the mask where there is one. */
  | { readonly kind: "mark"; readonly mark: string; readonly mask?: string }
  | { readonly kind: "sandbox-in"; readonly set: SandboxSet; readonly end: End; readonly is: boolean }
  | { readonly kind: "ip-options" }
  | { readonly kind: "not-echo-request" }
  | { readonly kind: "users"; readonly first: number; readonly last: number }
  /** Of each source by itself, counted under a name. */
  | { readonly kind: "over-rate"; readonly name: string; readonly rate: Rate; readonly burst: number }
  /** Of all together. */
  | { readonly kind: "within-rate"; readonly rate: Rate; readonly burst: number }
  /** Of each source by itself, counted under a name. */
  | { readonly kind: "over-connections"; readonly name: string; readonly most: number }
  /** Counts the packet. For a packet asked once, or it is counted twice. `most`: in bytes, for engines without a cap for each sandbox. */
  | { readonly kind: "over-cap"; readonly direction: "up" | "down"; readonly most: number };

export type State = "new" | "established" | "related" | "invalid";
/** `live`: whose network is ready. `spent`: who has used up a cap. The others: who is of that class (class-names.ts). */
export type SandboxSet = "live" | "spent" | `class.${string}`;

export type Action =
  | { readonly kind: "goto"; readonly chain: string }
  | { readonly kind: "accept" }
  | { readonly kind: "drop" }
  /** Answered at once: TCP with a reset, all else with "prohibited". */
  | { readonly kind: "refuse"; readonly by: "reset" | "prohibited" }
  /** Let through, with all that will follow in this connection. */
  | { readonly kind: "let-through"; readonly mark: string }
  /** As the connection was when it began. */
  | { readonly kind: "let-follow" }
  /** To the outpost, at most so often; decides nothing. `of`: whose allowance it is on. */
  | { readonly kind: "tell"; readonly rule: NetworkRule; readonly of: End | "liars" }
  /** Its sandbox has used up a cap; decides nothing. */
  | { readonly kind: "spend"; readonly end: End }
  | { readonly kind: "lead-to"; readonly address: string; readonly port?: number }
  /** In the place of the gateway's own address, the attacker's. */
  | { readonly kind: "show-attacker" }
  | { readonly kind: "masquerade" };

/** Conditions, then what becomes of what meets them all. */
export function when(...conditions: readonly Condition[]) {
  const then = (action: Action, note?: string): Rule => ({
    when: conditions,
    then: action,
    ...(note === undefined ? {} : { note }),
  });
  return {
    goto: (chain: string) => then({ kind: "goto", chain }),
    accept: () => then({ kind: "accept" }),
    drop: (note?: string) => then({ kind: "drop" }, note),
    refuse: (by: "reset" | "prohibited", note?: string) => then({ kind: "refuse", by }, note),
    letThrough: (mark: string) => then({ kind: "let-through", mark }),
    letFollow: () => then({ kind: "let-follow" }),
    tell: (rule: NetworkRule, of: End | "liars" = "source") => then({ kind: "tell", rule, of }),
    spend: (end: End) => then({ kind: "spend", end }),
    leadTo: (address: string, port?: number) =>
      then({ kind: "lead-to", address, ...(port === undefined ? {} : { port }) }),
    showAttacker: () => then({ kind: "show-attacker" }),
    masquerade: () => then({ kind: "masquerade" }),
  };
}

export const always = when();

export const comesBy = (link: string): Condition => ({ kind: "in", link });
export const goesBy = (link: string): Condition => ({ kind: "out", link });
export const goesElsewhereThan = (...links: readonly string[]): Condition => ({
  kind: "out-elsewhere",
  links,
});
export const isNotIpv4: Condition = { kind: "not-ipv4" };
export const speaks = (protocol: Protocol): Condition => ({
  kind: "protocol",
  protocols: [protocol],
  is: true,
});
export const speaksNoneOf = (...protocols: readonly Protocol[]): Condition => ({
  kind: "protocol",
  protocols,
  is: false,
});
export const from = (range: string): Condition => ({ kind: "address", end: "source", range, is: true });
export const notFrom = (range: string): Condition => ({ kind: "address", end: "source", range, is: false });
export const to = (range: string): Condition => ({ kind: "address", end: "destination", range, is: true });
export const notTo = (range: string): Condition => ({
  kind: "address",
  end: "destination",
  range,
  is: false,
});
export const toAnyOf = (ranges: readonly string[]): Condition => ({ kind: "to-any", ranges });
export const toHost: Condition = { kind: "to-host" };
export const toNoSingleHost: Condition = { kind: "not-unicast" };
export const fromPort = (port: number): Condition => ({ kind: "port", end: "source", protocol: "tcp", port });
export const toPort = (protocol: "tcp" | "udp", port: number): Condition => ({
  kind: "port",
  end: "destination",
  protocol,
  port,
});
export const toPorts = (protocol: "tcp" | "udp", ports: Ports): Condition => ({
  kind: "ports",
  protocol,
  ports,
});
export const asksForName: Condition = { kind: "question" };
export const opens: Condition = { kind: "flags", among: ["syn", "ack"], are: "syn", is: true };
export const opensNot: Condition = { kind: "flags", among: ["syn", "ack"], are: "syn", is: false };
/** No first segment of a connection as TCP has it. */
export const isNoOpening: Condition = {
  kind: "flags",
  among: ["fin", "syn", "rst", "ack"],
  are: "syn",
  is: false,
};
export const isReset: Condition = { kind: "flags", among: ["rst"], are: "rst", is: true };
export const state = (...states: readonly State[]): Condition => ({ kind: "state", states, is: true });
export const stateIsNot = (...states: readonly State[]): Condition => ({ kind: "state", states, is: false });
export const isReply: Condition = { kind: "reply" };
export const marked = (mark: string, mask?: string): Condition => ({
  kind: "mark",
  mark,
  ...(mask === undefined ? {} : { mask }),
});
export const sandboxIn = (set: SandboxSet, end: End): Condition => ({
  kind: "sandbox-in",
  set,
  end,
  is: true,
});
export const sandboxNotIn = (set: SandboxSet, end: End): Condition => ({
  kind: "sandbox-in",
  set,
  end,
  is: false,
});
export const hasIpOptions: Condition = { kind: "ip-options" };
export const isNoEcho: Condition = { kind: "not-echo-request" };
export const isUser = (first: number, last = first): Condition => ({ kind: "users", first, last });
/** More at once than the rate gives in its time only where `burst` says so. */
export const isOver = (name: string, rate: Rate, burst = rate.count): Condition => ({
  kind: "over-rate",
  name,
  rate,
  burst,
});
export const isWithin = (rate: Rate, burst: number): Condition => ({ kind: "within-rate", rate, burst });
export const connectionsOver = (name: string, most: number): Condition => ({
  kind: "over-connections",
  name,
  most,
});
export const isOverCap = (direction: "up" | "down", most: number): Condition => ({
  kind: "over-cap",
  direction,
  most,
});
