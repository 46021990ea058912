/** The requests of SFTP whose answers tell what was moved (draft-ietf-secsh-filexfer-02). */
import type { Reader } from "../ssh/messages/reader.ts";
import type { FileOperation } from "./observation.ts";

/** Types of packets, as the draft numbers them. */
export const OPEN = 3;
export const CLOSE = 4;
export const READ = 5;
export const WRITE = 6;
export const LSTAT = 7;
export const FSTAT = 8;
export const SETSTAT = 9;
export const REMOVE = 13;
export const MKDIR = 14;
export const RMDIR = 15;
export const STAT = 17;
export const RENAME = 18;
export const SYMLINK = 20;
export const EXTENDED = 200;
export const [STATUS, HANDLE, DATA, ATTRS] = [101, 102, 103, 105] as const;

/** A request that waits for its answer. */
export type Asked =
  | { readonly kind: "open"; readonly path: string; readonly flags: number }
  | { readonly kind: "read"; readonly handle: string; readonly offset: number }
  /** How large a file is: that of an open one, or at a path. */
  | { readonly kind: "stat"; readonly handle: string }
  | { readonly kind: "stat"; readonly path: string }
  | { readonly kind: "operation"; readonly operation: Omit<FileOperation, "done"> };

/** Undefined: its answer tells nothing that is asked for here. */
export function asked(type: number, fields: Reader): Asked | undefined {
  switch (type) {
    case OPEN:
      return { kind: "open", path: fields.text(), flags: fields.u32() };
    case READ:
      return { kind: "read", handle: fields.text(), offset: Number(fields.u64()) };
    case FSTAT:
      return { kind: "stat", handle: fields.text() };
    case STAT:
    case LSTAT:
      return { kind: "stat", path: fields.text() };
    case REMOVE:
      return operation("remove", fields.text());
    case RENAME:
      return operation("rename", fields.text(), fields.text());
    case MKDIR:
      return operation("mkdir", fields.text());
    case RMDIR:
      return operation("rmdir", fields.text());
    case SYMLINK: {
      // OpenSSH's order is the reverse of the draft's: what it points to, then the link's own path.
      const target = fields.text();
      return operation("symlink", fields.text(), target);
    }
    case SETSTAT:
      return operation("setstat", fields.text());
    case EXTENDED: {
      const name = fields.text();
      if (name === "posix-rename@openssh.com") return operation("rename", fields.text(), fields.text());
      if (name === "hardlink@openssh.com") return operation("hardlink", fields.text(), fields.text());
      return undefined;
    }
    default:
      return undefined;
  }
}

function operation(name: FileOperation["operation"], path: string, to?: string): Asked {
  return {
    kind: "operation",
    operation: { kind: "file-operation", operation: name, path, ...(to === undefined ? {} : { to }) },
  };
}

/** The size that an ATTRS answer tells, behind its id. Undefined: it tells none, or is of no plain file (of a link it is the name's). */
export function sizeOfFile(fields: Reader): number | undefined {
  const flags = fields.u32();
  if ((flags & HAS_SIZE) === 0 || (flags & HAS_MODE) === 0) return undefined;
  const size = Number(fields.u64());
  if ((flags & HAS_OWNER) !== 0) fields.u64();
  const mode = fields.u32();
  return fields.truncated || (mode & FILE_TYPE) !== PLAIN_FILE ? undefined : size;
}

const [HAS_SIZE, HAS_OWNER, HAS_MODE] = [1, 2, 4] as const;
const [FILE_TYPE, PLAIN_FILE] = [0o170000, 0o100000] as const;
