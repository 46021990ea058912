import type { NetworkFact } from "../model/network-facts.ts";
import type { NameSource, OutpostConfiguration } from "../model/outpost-messages.ts";
import { DnsCache } from "./dns-cache.ts";
import {
  answerSize,
  encodeAnswer,
  parseQuery,
  RCODES,
  refusal,
  TYPES,
  type Finding,
  type Query,
} from "./dns-message.ts";
import { nameBytes, nameKey, type WireName } from "./dns-name.ts";
import type { Flows } from "./flows.ts";
import type { InventedNames } from "./invented-names.ts";
import { UNKNOWN_ADDRESS, type Tell } from "./teller.ts";
import { Upstream } from "./upstream.ts";

export interface ResolverConfiguration extends Pick<
  OutpostConfiguration,
  "resolvers" | "largestName" | "largestAnswer"
> {
  readonly source: NameSource;
}

export interface ResolverOptions {
  readonly configuration: ResolverConfiguration;
  readonly invented: InventedNames;
  readonly flows: Flows;
  readonly tell: Tell;
  /** Of the resolvers; 53 but in tests. */
  readonly port?: number;
}

export interface Asker {
  readonly sandbox: string;
  readonly port: number;
  readonly protocol: "udp" | "tcp";
}

const IN = 1;
/** What a message by UDP may hold when the asker says nothing of it (RFC 1035, 4.2.1). */
const PLAIN_UDP = 512;
const ANSWERED: ReadonlySet<number> = new Set(Object.values(TYPES));

/** The sandboxes' resolver: a name, its type and its size are all that gets through it, and each question becomes a fact. */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #upstream: Upstream;
  readonly #cache = new DnsCache();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#upstream = new Upstream({
      ...options.configuration,
      ...(options.port === undefined ? {} : { port: options.port }),
    });
  }

  /** Undefined: no answer is sent. */
  async answer(message: Buffer, asker: Asker): Promise<Buffer | undefined> {
    const { largestName, largestAnswer } = this.#options.configuration;
    const query = parseQuery(message);
    if (!query) return undefined;
    if ("rcode" in query) return refusal(query);
    if (query.class !== IN) return refuse(query, RCODES.REFUSED);
    // Without the length of the first label and the empty one at the end: as people count it.
    if (query.name.length - 2 > largestName) return this.#deny(query, asker, RCODES.REFUSED);
    if (!ANSWERED.has(query.type)) return this.#deny(query, asker, RCODES.NOTIMP);

    const finding = await this.#find(query, asker.sandbox);
    const room =
      asker.protocol === "udp" ? Math.min(largestAnswer, query.udpSize ?? PLAIN_UDP) : largestAnswer;
    this.#told(query, asker, answerSize(query, finding) > largestAnswer ? "dns-size" : "dns");
    return encodeAnswer(query, finding, Math.max(room, 64), asker.protocol === "udp");
  }

  async #find({ name, type }: Query, sandbox: string): Promise<Finding> {
    // Sandboxes have no IPv6, but whether a name exists is told alike for both kinds of address.
    const asked = type === TYPES.AAAA ? TYPES.A : type;
    const { configuration, invented } = this.#options;
    const finding =
      configuration.source === "invent"
        ? invented.find(name, asked)
        : await this.#lookUp(name, asked, sandbox);
    return type === TYPES.AAAA ? { ...finding, answers: [], truncated: false } : finding;
  }

  async #lookUp(name: WireName, type: number, sandbox: string): Promise<Finding> {
    const key = `${type} ${nameKey(name)}`;
    const known = this.#cache.get(key);
    if (known) return known;
    const finding = await this.#upstream.ask(sandbox, name, type);
    if (!finding) return FAILED;
    this.#cache.put(key, finding);
    return finding;
  }

  #deny(query: Query, asker: Asker, rcode: number): Buffer {
    this.#told(query, asker, "dns-size");
    return refuse(query, rcode);
  }

  #told(query: Query, { sandbox, port, protocol }: Asker, rule: NetworkFact["rule"]): void {
    const { flows, tell } = this.#options;
    void flows.claim(sandbox, protocol, port).then((ledAway) => {
      tell(
        {
          kind: "network",
          rule,
          protocol,
          from: port,
          to: ledAway?.to ?? { address: UNKNOWN_ADDRESS, port: 53 },
          count: 1,
          name: nameBytes(query.name),
        },
        { sandbox, mac: ledAway?.mac },
      );
    });
  }
}

const FAILED: Finding = { rcode: RCODES.SERVFAIL, answers: [], authority: [], truncated: false };

function refuse(query: Query, rcode: number): Buffer {
  return encodeAnswer(query, { ...FAILED, rcode }, Infinity, false);
}
