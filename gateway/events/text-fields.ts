import { asText, fromByteString, type ByteString } from "../model/bytes.ts";
import type { EventValue } from "./cowrie-event.ts";

/**
 * A stranger's bytes as a text field. Bytes that are not UTF-8 become U+FFFD there, and the exact ones ride in
 * `mitsubako_<name>_bytes` in base64.
 */
export function textField(name: string, bytes: string): Record<string, EventValue> {
  const exact = fromByteString(bytes as ByteString);
  const text = asText(bytes as ByteString);
  return Buffer.from(text, "utf8").equals(exact)
    ? { [name]: text }
    : { [name]: text, [`mitsubako_${name}_bytes`]: exact.toString("base64") };
}
