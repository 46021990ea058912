/** Words for contents, to filter by. */
export const CONTENT_TYPES = [
  ...(["elf", "pe", "mach-o", "script", "archive", "key", "image", "document", "text", "empty"] as const),
  "data",
] as const;

/** What a content is, by its first bytes alone. */
export interface ContentType {
  readonly type: (typeof CONTENT_TYPES)[number];
  /** Such as `x86-64, 64 bit` or `sh`; made of words of ours, or of letters that were checked. */
  readonly detail?: string;
}

/** Bytes that are looked at; more are never needed. */
export const TYPE_BYTES = 4096;

/**
 * Total: any bytes are something. They come from strangers, and may lie: an ELF header before anything else is an ELF file here, as it is
 * for the kernel.
 * @param head the first bytes, TYPE_BYTES of them or all.
 */
export function contentTypeOf(head: Buffer): ContentType {
  if (head.length === 0) return { type: "empty" };
  if (startsWith(head, "\x7fELF")) return elf(head);
  if (startsWith(head, "#!")) return script(head);
  for (const [type, detail, magic, at = 0] of MAGICS)
    if (startsWith(head, magic, at)) return { type, detail };
  if (startsWith(head, "MZ")) return { type: "pe" };
  if (
    /^(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp\d{3}) [A-Za-z0-9+/]{20}/.test(
      head.toString("latin1", 0, 64),
    )
  )
    return { type: "key", detail: "public, OpenSSH" };
  if (/^-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----/.test(head.toString("latin1", 0, 64)))
    return { type: "key", detail: "private, PEM" };
  return isText(head) ? { type: "text" } : { type: "data" };
}

type Magic = readonly [ContentType["type"], string, string, number?];

const MAGICS: readonly Magic[] = [
  ["archive", "gzip", "\x1f\x8b"],
  ["archive", "bzip2", "BZh"],
  ["archive", "xz", "\xfd7zXZ\0"],
  ["archive", "zstd", "\x28\xb5\x2f\xfd"],
  ["archive", "lz4", "\x04\x22\x4d\x18"],
  ["archive", "zip", "PK\x03\x04"],
  ["archive", "7z", "7z\xbc\xaf\x27\x1c"],
  ["archive", "rar", "Rar!\x1a\x07"],
  ["archive", "deb", "!<arch>\ndebian"],
  ["archive", "ar", "!<arch>\n"],
  ["archive", "cpio", "070701"],
  ["archive", "rpm", "\xed\xab\xee\xdb"],
  ["archive", "tar", "ustar", 257],
  ["mach-o", "64 bit", "\xcf\xfa\xed\xfe"],
  ["mach-o", "32 bit", "\xce\xfa\xed\xfe"],
  ["document", "PDF", "%PDF-"],
  ["document", "SQLite", "SQLite format 3\0"],
  ["image", "PNG", "\x89PNG\r\n\x1a\n"],
  ["image", "JPEG", "\xff\xd8\xff"],
  ["image", "GIF", "GIF8"],
];

/** e_machine: those that bots are built for, and their neighbours. */
const MACHINES: Readonly<Record<number, string>> = {
  ...{ 2: "SPARC", 3: "i386", 4: "m68k", 8: "MIPS", 18: "SPARC", 20: "PowerPC", 21: "PowerPC", 22: "s390" },
  ...{
    40: "ARM",
    42: "SuperH",
    43: "SPARC",
    62: "x86-64",
    93: "ARC",
    183: "AArch64",
    195: "ARC",
    243: "RISC-V",
  },
  258: "LoongArch",
};

function elf(head: Buffer): ContentType {
  if (head.length < 20) return { type: "elf", detail: "cut off" };
  const bits = ({ 1: "32 bit", 2: "64 bit" } as Record<number, string>)[head[4] ?? 0];
  const isBig = head[5] === 2;
  const number = isBig ? head.readUInt16BE(18) : head.readUInt16LE(18);
  const parts = [MACHINES[number] ?? `machine ${number}`, bits, isBig ? "big-endian" : undefined];
  return { type: "elf", detail: parts.filter((part) => part !== undefined).join(", ") };
}

/** The interpreter's own name; of `/usr/bin/env` the first word that is no option or variable. */
function script(head: Buffer): ContentType {
  const [path = "", ...words] = (/^#![ \t]*([^\n]*)/.exec(head.toString("latin1", 0, 256))?.[1] ?? "").split(
    /[ \t\r]+/,
  );
  const own = path.slice(path.lastIndexOf("/") + 1);
  const named = own === "env" ? (words.find((word) => !/^-|=/.test(word)) ?? own) : own;
  const name = named.slice(named.lastIndexOf("/") + 1);
  return /^[\w.+-]{1,32}$/.test(name) ? { type: "script", detail: name } : { type: "script" };
}

/** Tab to carriage return, and escape, which colours. */
const LINE_BYTES = new Set([0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1b]);

/** No control bytes but those of lines, and UTF-8 but for a character that the end may cut. */
function isText(head: Buffer): boolean {
  if (head.some((byte) => byte === 0x7f || (byte < 0x20 && !LINE_BYTES.has(byte)))) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false; // it is none
  }
}

function startsWith(head: Buffer, magic: string, at = 0): boolean {
  return head.toString("latin1", at, at + magic.length) === magic;
}
