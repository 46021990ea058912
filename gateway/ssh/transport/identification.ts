/**
 * Identification strings as OpenSSH 9.2 takes them (kex.c, `kex_exchange_identification`; RFC 4253 section 4.2), to the byte: scanners tell servers apart
 * by what they refuse here and how.
 */

/** Bytes of a line without its end. */
const LONGEST_LINE = 8192;
/** Lines that a server may send before its identification. */
const MOST_LINES_BEFORE = 1024;

export type Identified =
  | { readonly kind: "incomplete" }
  | { readonly kind: "identified"; readonly line: Buffer; readonly software: string; readonly rest: Buffer }
  | {
      readonly kind: "refused";
      /** What came, up to where it was refused. */
      readonly line: Buffer;
      readonly message: string;
      /** Sent before closing; nothing if undefined. */
      readonly answer: string | undefined;
      /** Bytes that OpenSSH would leave unread in its socket, so that the kernel closes with a reset. */
      readonly unread: number;
    };

const INVALID = "Invalid SSH identification string.";

export class IdentificationReader {
  readonly #role: "server" | "client";
  /** Grows: most connections that wait here have said little or nothing. */
  #line: Buffer = Buffer.allocUnsafe(128);
  #length = 0;
  #lines = 0;
  #carriageReturn = false;

  /** `role` is ours: only a client reads over lines before the identification. */
  constructor(role: "server" | "client") {
    this.#role = role;
  }

  /** What came so far of a line that is not complete. */
  get partial(): Buffer {
    return this.#line.subarray(0, this.#length);
  }

  push(chunk: Buffer): Identified {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      const refuse = (message: string): Identified => this.#refuse(message, INVALID, chunk.length - at - 1);
      if (byte === 0x0d) {
        this.#carriageReturn = true;
        continue;
      }
      if (byte === 0x0a) {
        const done = this.#lineEnded(chunk.subarray(at + 1));
        if (done) return done;
        continue;
      }
      if (this.#length === this.#line.length)
        this.#line = Buffer.concat([this.#line, Buffer.allocUnsafe(this.#length)]);
      this.#line[this.#length] = byte;
      if (byte === 0 || this.#carriageReturn) {
        this.#length++; // shown, as it is why
        return refuse("identification line contains invalid characters");
      }
      this.#length++;
      if (this.#length > LONGEST_LINE) return refuse("identification line too long");
    }
    return { kind: "incomplete" };
  }

  #lineEnded(rest: Buffer): Identified | undefined {
    const line = Buffer.from(this.partial);
    if (line.length > 4 && line.subarray(0, 4).equals(Buffer.from("SSH-"))) return this.#judge(line, rest);
    if (this.#role === "server") return this.#refuse("not an SSH identification", INVALID, rest.length);
    this.#lines++;
    if (this.#lines >= MOST_LINES_BEFORE)
      return this.#refuse("no identification", "No SSH identification string received.", rest.length);
    this.#length = 0;
    this.#carriageReturn = false;
    return undefined;
  }

  #judge(line: Buffer, rest: Buffer): Identified {
    // sscanf's "SSH-%d.%d-%[^\n]": numbers may have a sign and white space before them.
    const fields = /^SSH-[ \t\v\f]*([+-]?\d+)\.[ \t\v\f]*([+-]?\d+)-([^\n]+)$/.exec(line.toString("latin1"));
    if (!fields) return this.#refuse("malformed identification", INVALID, rest.length);
    const [major, minor] = [asInt(fields[1] ?? ""), asInt(fields[2] ?? "")];
    const software = fields[3] ?? "";
    if (major !== 2 && !(major === 1 && minor === 99))
      return this.#refuse("protocol versions differ", "Protocol major versions differ.", rest.length);
    if (this.#role === "server" && (software.startsWith("Probe-") || software.includes("SSH_Version_Mapper")))
      return this.#refuse("a scanner known by its name", undefined, rest.length);
    return { kind: "identified", line, software, rest };
  }

  #refuse(message: string, answer: string | undefined, unread: number): Identified {
    return { kind: "refused", line: Buffer.from(this.partial), message, answer, unread };
  }
}

/** A C `int` out of digits, as glibc's sscanf gives it: clamped to 64 bits, then cut to 32. */
function asInt(digits: string): number {
  const value = BigInt(digits.replace("+", ""));
  const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
  const clamped = value < least ? least : value > most ? most : value;
  return Number(BigInt.asIntN(32, clamped));
}

/** What OpenSSH does differently for certain peers (compat.c), as far as it can be seen from here. */
export interface Quirks {
  /** Key exchanges that OpenSSH does not offer them, in some of its versions. */
  readonly misunderstood: readonly string[];
  /** Cannot take new keys in mid-connection. */
  readonly noRekey: boolean;
}

/** OpenSSH 6.5 and 6.6 encode values of the first wrongly; PuTTY, FuTTY and WinSCP of their years know the second only as it was before RFC 4419. */
const BAD_CURVE25519 = "curve25519-sha256@libssh.org";
const OLD_GROUP_EXCHANGE = "diffie-hellman-group-exchange-sha256";
export const WITHHELD: readonly string[] = [BAD_CURVE25519, OLD_GROUP_EXCHANGE];

export function quirksOf(software: string): Quirks {
  const badCurve25519 = /^OpenSSH_6\.[56]/.test(software) && !software.startsWith("OpenSSH_6.6.1");
  const oldGroupExchange =
    /^(PuTTY_Local:|PuTTY-Release-0\.5|PuTTY_Release_0\.(5|6[0-4])|FuTTY|WinSCP_release_(4|5\.0))/.test(
      software,
    ) || /^WinSCP_release_5\.(1(\..*)?|5(\..*)?|6(\..*)?|7(\.[1-4])?)$/.test(software);
  return {
    misunderstood: [
      ...(badCurve25519 ? [BAD_CURVE25519] : []),
      ...(oldGroupExchange ? [OLD_GROUP_EXCHANGE] : []),
    ],
    noRekey: software.startsWith("Sun_SSH_1.0"),
  };
}
