import { Reader } from "../../messages/reader.ts";
import { string } from "../../messages/writer.ts";
import { ProtocolError } from "../failures.ts";
import { asMpint } from "../key-derivation.ts";
import { KEX_MSG } from "../numbers.ts";
import { shortArithmetic } from "./queue.ts";
import type { KexAnswerer, KexMethod, KexSide, KexStep } from "./method.ts";

/** INIT from the client, REPLY from the server, and both do the same (RFC 4253 section 8, RFC 5656 section 4, RFC 8731). */
export function symmetric(hash: KexMethod["hash"], start: () => Promise<KexSide>): KexMethod {
  return {
    hash,
    start,
    answer: ({ isOver }) =>
      answerToInit((clientValue) =>
        shortArithmetic.run(isOver, async () => {
          const side = await start();
          const secret = asMpint(await side.secret(clientValue));
          return { publicValue: side.publicValue, secret };
        }),
      ),
  };
}

export function answerToInit(
  respond: (clientValue: Buffer) => Promise<{ readonly publicValue: Buffer; readonly secret: Buffer }>,
): KexAnswerer {
  const answer = async (bytes: Buffer): Promise<KexStep> => {
    const reader = new Reader(bytes, 1);
    const clientValue = reader.string();
    if (!reader.complete) throw new ProtocolError("malformed key exchange INIT");
    const { publicValue, secret } = await respond(clientValue);
    const exchanged = Buffer.concat([string(clientValue), string(publicValue)]);
    return { kind: "agreed", reply: KEX_MSG.REPLY, publicValue, exchanged, secret };
  };
  return { take: (bytes) => (bytes[0] === KEX_MSG.INIT ? answer(bytes) : undefined) };
}
