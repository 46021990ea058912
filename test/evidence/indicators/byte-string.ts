import { toByteString, type ByteString } from "../../../gateway/model/bytes.ts";

/** One byte for each character. */
export function byteString(text: string): ByteString {
  return toByteString(Buffer.from(text, "latin1"));
}
