import { z } from "zod";
import type { ByteString } from "../../model/bytes.ts";
import {
  LONGEST_PATH,
  MOST_ARGUMENT_BYTES,
  MOST_ARGUMENTS,
  type ProcessFact,
} from "../../model/process-facts.ts";
import { MOST_ASKED, MOST_FACTS_AT_ONCE, type FromWatcher } from "../../model/watcher-messages.ts";

/**
 * The boundary between the process that reads what strangers' programs did and root's: nothing that it says is used before it passed here.
 * Unknown keys, wrong types and oversized values make the whole message void.
 */
export function parseWatcherMessage(raw: unknown): FromWatcher | undefined {
  const parsed = message.safeParse(raw);
  return parsed.success ? parsed.data : undefined;
}

const LONGEST_PROBLEM = 8192;
const id = z.int().min(0).max(0xffff_ffff);
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const errno = z.int().min(0).max(4095).exactOptional();
const address = z.union([z.ipv4(), z.ipv6()]);
const port = z.int().min(0).max(65_535);
const byteString = (most: number) =>
  z.custom<ByteString>(
    // eslint-disable-next-line no-control-regex -- it is bytes, not text
    (value) => typeof value === "string" && value.length <= most && /^[\u0000-\u00ff]*$/.test(value),
  );

const by = {
  kind: z.literal("process"),
  time: count,
  pid: id,
  uid: id,
  server: z.literal(true).exactOptional(),
};
const ended = z.strictObject({
  after: count,
  status: z.int().min(0).max(255).exactOptional(),
  signal: z.int().min(0).max(127).exactOptional(),
});
const to = z.union([
  z.strictObject({ family: z.enum(["inet", "inet6"]), address, port }),
  z.strictObject({ family: z.literal("unix"), path: byteString(LONGEST_PATH) }),
  z.strictObject({ family: z.int().min(0).max(65_535) }),
]);

const fact = z.discriminatedUnion("did", [
  z.strictObject({
    ...by,
    did: z.literal("run"),
    parent: id,
    path: byteString(LONGEST_PATH),
    argv: z
      .array(byteString(MOST_ARGUMENT_BYTES))
      .max(MOST_ARGUMENTS)
      .refine((argv) => argv.reduce((sum, one) => sum + one.length, 0) <= MOST_ARGUMENT_BYTES),
    argvLeftOut: id.exactOptional(),
    errno,
    ended: ended.exactOptional(),
  }),
  z.strictObject({ ...by, did: z.literal("end"), ended }),
  z.strictObject({ ...by, did: z.literal("connect"), to, errno, count: id.exactOptional() }),
  z.strictObject({ kind: z.literal("process"), did: z.literal("more"), time: count, runs: id, connects: id }),
]) satisfies z.ZodType<ProcessFact>;

const client = z.union([z.strictObject({ address, port }), z.undefined()]);
const found = z.union([z.strictObject({ client, ranFile: z.boolean() }), z.undefined()]);

const message = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ready") }),
  z.strictObject({ kind: z.literal("answer"), number: count, processes: z.array(found).max(MOST_ASKED) }),
  z.strictObject({
    kind: z.literal("unnamed"),
    namespace: id,
    client,
    program: z.strictObject({ process: id, pid: id, uid: id, time: count }),
  }),
  z.strictObject({
    kind: z.literal("facts"),
    namespace: id,
    client,
    facts: z.array(fact).max(MOST_FACTS_AT_ONCE),
  }),
  z.strictObject({ kind: z.literal("problem"), message: z.string().max(LONGEST_PROBLEM) }),
]) satisfies z.ZodType<FromWatcher>;
