import { createSocket } from "node:dgram";
import { randomInt } from "node:crypto";
import { encodeQuestion, parseAnswer, RCODES, type Finding } from "./dns-message.ts";
import { nameKey, type WireName } from "./dns-name.ts";

export interface UpstreamOptions {
  readonly resolvers: readonly string[];
  /** Bytes; over 512 it is said to the resolver (EDNS). */
  readonly largestAnswer: number;
  readonly port?: number;
}

/** How long a resolver may take, in milliseconds. */
const PATIENCE = 2000;
const MOST_OUTSTANDING = 64;
const MOST_PER_SANDBOX = 8;

/** Asks the resolvers of this machine. What does not fit into its bounds is not asked at all. */
export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #outstanding = new Map<string, Promise<Finding | undefined>>();
  readonly #bySandbox = new Map<string, number>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** Undefined when none answered, or when there are too many questions already. Equal questions are asked once. */
  ask(sandbox: string, name: WireName, type: number): Promise<Finding | undefined> {
    const key = `${type} ${nameKey(name)}`;
    const same = this.#outstanding.get(key);
    if (same) return same;
    const own = this.#bySandbox.get(sandbox) ?? 0;
    if (this.#outstanding.size >= MOST_OUTSTANDING || own >= MOST_PER_SANDBOX)
      return Promise.resolve(undefined);
    this.#bySandbox.set(sandbox, own + 1);
    const asked = this.#askAll(name, type).finally(() => {
      this.#outstanding.delete(key);
      const left = (this.#bySandbox.get(sandbox) ?? 1) - 1;
      if (left > 0) this.#bySandbox.set(sandbox, left);
      else this.#bySandbox.delete(sandbox);
    });
    this.#outstanding.set(key, asked);
    return asked;
  }

  async #askAll(name: WireName, type: number): Promise<Finding | undefined> {
    const { resolvers } = this.#options;
    // A single one is asked twice: datagrams get lost.
    for (const resolver of resolvers.length === 1 ? [...resolvers, ...resolvers] : resolvers) {
      const finding = await this.#askOne(resolver, name, type);
      if (finding?.rcode === RCODES.NOERROR || finding?.rcode === RCODES.NXDOMAIN) return finding;
    }
    return undefined;
  }

  /** A socket and a random port and id of its own for each question: whoever wants to forge an answer has to guess both. */
  #askOne(resolver: string, name: WireName, type: number): Promise<Finding | undefined> {
    const { largestAnswer, port = 53 } = this.#options;
    const id = randomInt(0x10000);
    const question = encodeQuestion(id, name, type, largestAnswer > 512 ? largestAnswer : undefined);
    return new Promise((resolve) => {
      const socket = createSocket("udp4");
      let over = false;
      const settle = (finding: Finding | undefined) => {
        if (over) return;
        over = true;
        clearTimeout(timer);
        socket.close();
        resolve(finding);
      };
      const timer = setTimeout(() => {
        settle(undefined);
      }, PATIENCE);
      socket.on("error", () => {
        settle(undefined);
      });
      socket.on("message", (message) => {
        const answer = parseAnswer(message);
        // Connected, so the kernel has compared the address. What is not the answer to this question is not there.
        if (answer?.id === id && answer.type === type && nameKey(answer.name) === nameKey(name))
          settle(answer);
      });
      // After a failure to connect there is an error event.
      socket.connect(port, resolver, () => {
        if (!over) socket.send(question);
      });
    });
  }
}
