import { createPublicKey, randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Reader } from "../../messages/reader.ts";
import { payload, string } from "../../messages/writer.ts";
import { ProtocolError } from "../failures.ts";
import { asMpint } from "../key-derivation.ts";
import { KEX_MSG } from "../numbers.ts";
import { requireValid } from "./dh-group.ts";
import { positive, privateKeyOf, publicKeyOf, publicValueOf, raise, type DhGroup } from "./dh-key.ts";
import { chooseGroup, LEAST_BITS, MOST_BITS } from "./group-choice.ts";
import type { KexAnswerer, KexContext, KexMethod, KexStep } from "./method.ts";
import { longArithmetic } from "./queue.ts";

/** diffie-hellman-group-exchange-sha256 (RFC 4419) in the server role, with the checks and the order of OpenSSH's kexgexs.c. */
export const groupExchange: KexMethod = {
  hash: "sha256",
  answer: (context) => new GroupExchange(context),
};

class GroupExchange implements KexAnswerer {
  readonly #context: KexContext;
  #group: DhGroup | undefined;
  /** As the client sent them, for the hash. */
  #asked: Buffer = Buffer.alloc(0);

  constructor(context: KexContext) {
    this.#context = context;
  }

  take(bytes: Buffer): Promise<KexStep> | undefined {
    if (bytes[0] === KEX_MSG.GEX_REQUEST && !this.#group) return this.#choose(bytes);
    if (bytes[0] === KEX_MSG.GEX_INIT && this.#group) return this.#agree(bytes, this.#group);
    return undefined;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws is the step's failure
  async #choose(bytes: Buffer): Promise<KexStep> {
    const reader = new Reader(bytes, 1);
    const [least, wanted, most] = [reader.u32(), reader.u32(), reader.u32()];
    if (!reader.complete) throw new ProtocolError("malformed group exchange REQUEST");
    const within = {
      least: Math.max(LEAST_BITS, least),
      wanted: Math.min(MOST_BITS, Math.max(LEAST_BITS, wanted)),
      most: Math.min(MOST_BITS, most),
    };
    // Its process without rights looks at what was asked, its monitor at what is left of that; both leave without a word.
    if (
      most < LEAST_BITS ||
      !isOrdered(least, wanted, most) ||
      !isOrdered(within.least, within.wanted, within.most)
    )
      throw new ProtocolError("a group exchange of sizes that cannot be");
    this.#asked = bytes.subarray(1);
    this.#group = chooseGroup(this.#context.moduli, within);
    const { prime, generator } = this.#group;
    return { kind: "say", payload: payload(KEX_MSG.GEX_GROUP, asMpint(prime), asMpint(generator)) };
  }

  async #agree(bytes: Buffer, group: DhGroup): Promise<KexStep> {
    const reader = new Reader(bytes, 1);
    const clientValue = reader.string();
    if (!reader.complete) throw new ProtocolError("malformed group exchange INIT");
    requireValid(clientValue, group);
    const { publicValue, secret } = await longArithmetic.run(this.#context.isOver, () =>
      compute(group, clientValue),
    );
    const exchanged = Buffer.concat([
      this.#asked,
      asMpint(group.prime),
      asMpint(group.generator),
      asMpint(clientValue),
      string(publicValue),
    ]);
    return { kind: "agreed", reply: KEX_MSG.GEX_REPLY, publicValue, exchanged, secret: asMpint(secret) };
  }
}

function isOrdered(least: number, wanted: number, most: number): boolean {
  return least <= wanted && wanted <= most;
}

const FACTOR_BYTES = 16;

/** How many factors of 128 bits the exponent has: twice the strength of a group of that size at least (NIST SP 800-57 part 1, table 2; RFC 7919 appendix A). */
function factorsFor(bits: number): number {
  if (bits <= 3072) return 2;
  return bits <= 6144 ? 3 : 4;
}

/**
 * Our value and the shared one. Node takes an exponent of our choice only as a private key, and OpenSSL raises the generator to it in this very thread: 8 ms for
 * 512 bits at 8192. So the exponent is a product of short random ones: each is made a key in a turn of its own, 2 ms, and all else is the thread pool's.
 * To find a product of four takes as long as to find a number of as many bits: halves that meet in the middle are what already finds the latter.
 */
async function compute(
  group: DhGroup,
  clientValue: Buffer,
): Promise<{ publicValue: Buffer; secret: Buffer }> {
  let own: Buffer | undefined;
  let shared = clientValue;
  for (let left = factorsFor(group.prime.length * 8); left > 0; left--) {
    const factor = randomBytes(FACTOR_BYTES);
    factor[0] = (factor[0] ?? 0) | 0x80; // never short: that would show in the time it takes
    const key = privateKeyOf(group, factor);
    // The key's own value is the generator raised to it.
    own = own ? await raise(publicKeyOf(group, own), key) : publicValueOf(createPublicKey(key));
    shared = await raise(publicKeyOf(group, shared), key);
    await nextTurn();
  }
  return { publicValue: positive(own ?? group.generator), secret: shared };
}
