import { createDiffieHellmanGroup, generateKeyPair, type KeyObject } from "node:crypto";
import { ProtocolError } from "../failures.ts";
import { asMpint } from "../key-derivation.ts";
import { isValidPublic, positive, publicKeyOf, publicValueOf, raise, type DhGroup } from "./dh-key.ts";
import type { KexMethod, KexSide } from "./method.ts";
import { answerToInit } from "./one-round.ts";
import { longArithmetic } from "./queue.ts";

type GroupName = "modp14" | "modp16" | "modp18";

/**
 * diffie-hellman-group14/16/18 (RFC 4253 section 8, RFC 8268). Both steps run in the thread pool: 8 ms each for group 18, in which nobody
 * else waits. Groups are named, never given as numbers: OpenSSL would test an unknown prime for seconds.
 */
export function dhGroup(name: GroupName, hash: KexMethod["hash"]): KexMethod {
  const group = namedGroup(name);
  const start = () => startDh(name, group);
  return {
    hash,
    start,
    answer: ({ isOver }) =>
      answerToInit(async (clientValue) => {
        requireValid(clientValue, group);
        const compute = async () => {
          const side = await start();
          return { publicValue: side.publicValue, secret: asMpint(await side.secret(clientValue)) };
        };
        // The small one takes 1 ms and does not wait behind the others.
        return name === "modp14" ? compute() : longArithmetic.run(isOver, compute);
      }),
  };
}

export function namedGroup(name: GroupName): DhGroup {
  const found = createDiffieHellmanGroup(name);
  return { prime: found.getPrime(), generator: found.getGenerator() };
}

export function requireValid(value: Buffer, group: DhGroup): void {
  if (!isValidPublic(value, group)) throw new ProtocolError("a Diffie-Hellman value out of range");
}

async function startDh(name: GroupName, group: DhGroup): Promise<KexSide> {
  const { publicKey, privateKey } = await generate(name);
  return {
    publicValue: positive(publicValueOf(publicKey)),
    secret: (peer: Buffer) => {
      requireValid(peer, group);
      return raise(publicKeyOf(group, peer), privateKey);
    },
  };
}

function generate(group: string): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  // Node takes `group`; its type declarations know it under another name.
  const options = { group, groupName: group };
  return new Promise((resolve, reject) => {
    generateKeyPair("dh", options, (error, publicKey, privateKey) => {
      if (error) reject(error);
      else resolve({ publicKey, privateKey });
    });
  });
}
