import type { NetworkFact } from "./network-facts.ts";

/**
 * What the warden and the outpost say to each other. The outpost speaks with programs of strangers, so it is trusted as little as a
 * front: the warden checks each message (gateway/warden/outpost-messages.ts).
 */
export type ToOutpost = { readonly kind: "configure"; readonly configuration: OutpostConfiguration };

export interface OutpostConfiguration {
  /** Its own address on the cable to the host; undefined: there is no cable, it only reads netfilter's log. */
  readonly address: string | undefined;
  /** The sandboxes' network, such as `10.203.0.0/20`: of a logged packet's two ends, the sandbox is the one in it. */
  readonly subnet: string;
  /** What it does with questions, each on a port of its own; which sandbox may ask where is netfilter's to say. */
  readonly names: readonly NameSource[];
  /** IPv4 addresses. */
  readonly resolvers: readonly string[];
  /** Bytes. */
  readonly largestName: number;
  /** Bytes. */
  readonly largestAnswer: number;
  /** For TLS that a sandbox begins; PEM. */
  readonly tls: { readonly key: string; readonly certificate: string };
}

/** `resolve`: asks the resolvers. `invent`: answers every name with an address made up from it. */
export type NameSource = "resolve" | "invent";

export type FromOutpost =
  | { readonly kind: "ready" }
  | {
      readonly kind: "fact";
      /** The sandbox's address; undefined where the packet lied about it. */
      readonly sandbox: string | undefined;
      /** Hardware address of the sender, where netfilter logged it: `52:54:00:ab:cd:ef`. */
      readonly mac: string | undefined;
      readonly fact: NetworkFact;
    }
  /** For the log. It may hold what strangers sent: the warden escapes it. */
  | { readonly kind: "problem"; readonly message: string };

/** Where the outpost listens. netfilter leads a sandbox's packets there, whatever address they were for. */
export const OUTPOST_PORTS = {
  /** UDP and TCP, for names that are looked up. */
  dns: 53,
  /** UDP and TCP, for names that are made up. */
  inventedDns: 4053,
  /** TCP to any port that has none of its own below: who speaks first is the client, and its first bytes say what it speaks. */
  tcp: 4000,
  /** UDP to any port but 53. */
  udp: 4000,
  /** Where the server speaks first: SMTP. */
  smtp: 4025,
  /** SMTP inside TLS. */
  smtps: 4465,
} as const;

/** Destination port → where the outpost answers it; all others go to `OUTPOST_PORTS.tcp`. */
export const SINKHOLED_PORTS: Readonly<Record<number, number>> = {
  25: OUTPOST_PORTS.smtp,
  587: OUTPOST_PORTS.smtp,
  2525: OUTPOST_PORTS.smtp,
  465: OUTPOST_PORTS.smtps,
};
