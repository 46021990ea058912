import { asText, fromByteString, type ByteString } from "../model/bytes.ts";

/** Fields that hold what strangers sent, wherever they stand. */
const BYTE_FIELDS = new Set([
  "algorithm",
  "clientVersion",
  "data",
  "description",
  "directory",
  "exitSignal",
  "host",
  "linkTarget",
  "methodName",
  "name",
  "newPassword",
  "originatorHost",
  "password",
  "path",
  "term",
  "text",
  "to",
  "type",
  "url",
  "user",
  "value",
  "version",
]);

/**
 * For JSON that programs read: a stranger's bytes as UTF-8 text, and where they are none also as they are, in base64, in `<field>Bytes`;
 * times `at` (nanoseconds) as seconds. Fields without a value are left out.
 */
export function asJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value === "bigint") return Number(value) / 1e9;
  if (typeof value !== "object" || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (field === undefined) continue;
    if (typeof field === "string" && BYTE_FIELDS.has(name)) {
      const exact = fromByteString(field as ByteString);
      const text = asText(field as ByteString);
      out[name] = text;
      if (!Buffer.from(text, "utf8").equals(exact)) out[`${name}Bytes`] = exact.toString("base64");
    } else if (name === "argv" && Array.isArray(field)) {
      const exact = field.map((one) => fromByteString(one as ByteString));
      const texts = field.map((one) => asText(one as ByteString));
      out[name] = texts;
      if (texts.some((text, index) => !Buffer.from(text, "utf8").equals(exact[index] ?? Buffer.of())))
        out[`${name}Bytes`] = exact.map((one) => one.toString("base64"));
    } else {
      out[name] = asJson(field);
    }
  }
  return out;
}
