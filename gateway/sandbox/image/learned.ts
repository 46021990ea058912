import { z } from "zod";
import { SIGNATURE_ALGORITHMS, type Learned } from "../../model/learned.ts";

/** RFC 4251 section 6 allows 64 characters; somebody's own may be longer. */
const name = z.string().regex(/^[\x21-\x2b\x2d-\x7e]{1,128}$/);
const names = z.array(name).min(1).max(128);

/**
 * What may be kept of a server. It is the boundary towards servers that are not ours: what passes it goes into a label, a file, and what the
 * gateway says to strangers.
 */
export const learnedSchema = z.strictObject({
  identification: z.string().regex(/^SSH-2\.0-[\x20-\x7e]{1,245}$/),
  kex: names,
  hostKey: names,
  cipher: names,
  mac: names,
  compression: names,
  withheld: z.array(name).max(16),
  extensions: z.array(z.strictObject({ name, value: z.string().regex(/^[\x20-\x7e]{0,4096}$/) })).max(32),
  methods: names,
  // Lines of text: what else moves a terminal is no banner.
  banner: z
    .string()
    .max(4096)
    .regex(/^(?:[\t\r\n]|\P{Cc})*$/u)
    .optional(),
  hostKeys: z.array(z.strictObject({ type: name, bits: z.int().min(0).max(65_536) })).max(16),
  afterLogin: z
    .array(z.string().regex(/^[\x20-\x7e]{0,512}$/))
    .max(64)
    .optional(),
}) satisfies z.ZodType<Learned>;

export function packLearned(learned: Learned): string {
  return Buffer.from(JSON.stringify(learned)).toString("base64");
}

/** Undefined when the label was not written by this version's `packLearned`. */
export function unpackLearned(label: string): Learned | undefined {
  try {
    return learnedSchema.parse(JSON.parse(Buffer.from(label, "base64").toString("utf8")));
  } catch {
    return undefined;
  }
}

/** Empty when it announces none. */
export function signatureAlgorithmsOf({ extensions }: Pick<Learned, "extensions">): string[] {
  const { value = "" } = extensions.find((one) => one.name === SIGNATURE_ALGORITHMS) ?? {};
  return value === "" ? [] : value.split(",");
}
