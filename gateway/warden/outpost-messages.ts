import { z } from "zod";
import type { ByteString } from "../model/bytes.ts";
import {
  isNetworkRule,
  MOST_FIRST_BYTES,
  type NetworkFact,
  type NetworkRule,
} from "../model/network-facts.ts";
import type { FromOutpost } from "../model/outpost-messages.ts";

/**
 * The boundary between the process that plays the world and root's: nothing that it says is used before it passed here.
 * Unknown keys, wrong types and oversized values make the whole message void.
 */
export function parseOutpostMessage(raw: unknown): FromOutpost | undefined {
  const parsed = message.safeParse(raw);
  return parsed.success ? parsed.data : undefined;
}

const LONGEST_NAME = 255;
const LONGEST_PROBLEM = 8192;
const MOST = 2 ** 40;

const address = z.union([z.ipv4(), z.ipv6()]);
const port = z.int().min(0).max(65_535);
const byteString = (most: number) =>
  z.custom<ByteString>(
    // eslint-disable-next-line no-control-regex -- it is bytes, not text
    (value) => typeof value === "string" && value.length <= most && /^[\u0000-\u00ff]*$/.test(value),
  );

const fact = z.strictObject({
  kind: z.literal("network"),
  rule: z.custom<NetworkRule>((value) => typeof value === "string" && isNetworkRule(value)),
  protocol: z.enum(["tcp", "udp", "icmp", "other"]),
  number: z.int().min(0).max(255).exactOptional(),
  from: port,
  to: z.strictObject({ address, port }),
  count: z.int().min(1).max(MOST),
  name: byteString(LONGEST_NAME).exactOptional(),
  data: byteString(MOST_FIRST_BYTES).exactOptional(),
  size: z.int().min(0).max(MOST).exactOptional(),
}) satisfies z.ZodType<NetworkFact>;

const message = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ready") }),
  z.strictObject({
    kind: z.literal("fact"),
    sandbox: z.union([z.ipv4(), z.undefined()]),
    mac: z.union([z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/), z.undefined()]),
    fact,
  }),
  z.strictObject({ kind: z.literal("problem"), message: z.string().max(LONGEST_PROBLEM) }),
]) satisfies z.ZodType<FromOutpost>;
