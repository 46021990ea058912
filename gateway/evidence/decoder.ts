import { Base64Stream } from "./base64-stream.ts";
import type { Word } from "./shell-text.ts";

export type Encoding = "base64" | "hex";

/** What a command turns back into bytes when it reads its standard input, and the files that it reads instead. */
export function decodingOf(
  name: string,
  operands: readonly Word[],
): { readonly encoding: Encoding; readonly files: readonly Word[] } | undefined {
  const flags = operands.filter(({ text }) => text.startsWith("-") && text !== "-").map(({ text }) => text);
  const others = operands.filter(({ text }) => !text.startsWith("-") || text === "-");
  switch (name) {
    case "base64":
      return flags.some((flag) => /^(-[di]*d[di]*|-D|--decode)$/.test(flag))
        ? { encoding: "base64", files: others.filter(({ text }) => text !== "-") }
        : undefined;
    case "openssl": {
      const isBase64 =
        others[0]?.text === "base64" || flags.some((flag) => flag === "-base64" || flag === "-a");
      const hasOthers = flags.some((flag) => !/^-(?:d|a|A|base64|in|out)$/.test(flag));
      return isBase64 && flags.includes("-d") && !hasOthers && !flags.includes("-in") && others.length === 1
        ? { encoding: "base64", files: [] }
        : undefined;
    }
    case "xxd":
      return isFlags(flags, "r") && isFlags(flags, "p") && others.length <= 1
        ? { encoding: "hex", files: others.filter(({ text }) => text !== "-") }
        : undefined;
    default:
      return undefined;
  }
}

/** Takes text in pieces. */
export interface Decoder {
  push(text: string): Buffer;
  end(): Buffer;
}

export function decoderOf(encoding: Encoding | undefined): Decoder | undefined {
  if (encoding === undefined) return undefined;
  return encoding === "base64" ? new Base64Stream() : new HexStream();
}

/** Hexadecimal digits in pieces; whatever is none of them is passed over. */
class HexStream implements Decoder {
  #rest = "";

  push(text: string): Buffer {
    const all = this.#rest + text.replace(/[^0-9a-fA-F]/g, "");
    const whole = all.length - (all.length % 2);
    this.#rest = all.slice(whole);
    return Buffer.from(all.slice(0, whole), "hex");
  }

  end(): Buffer {
    return Buffer.alloc(0);
  }
}

/** `-r -p`, `-rp`, `-ps` and so on. */
function isFlags(flags: readonly string[], flag: "r" | "p"): boolean {
  return flags.some((one) => /^-(?:r|p|ps|plain|rp|pr)$/.test(one) && one.includes(flag));
}
