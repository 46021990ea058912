import { closeSync, constants, createReadStream, fstatSync, openSync, readlinkSync, statSync } from "node:fs";
import { toByteString, type ByteString } from "../model/bytes.ts";
import { birthOf } from "./file-witness-places.ts";

/** A program that is no file, only memory, while a process runs it. */
export interface MemoryProgram {
  /** `memfd:` and what its maker called it. */
  readonly path: ByteString;
  /** Bytes. */
  readonly size: number;
  /** To be read, or `close` to be called. */
  readonly content: () => AsyncIterable<Buffer>;
  readonly close: () => void;
}

const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * What a process of a sandbox runs, where that is such a program. The number comes from a process that is not believed: nothing is
 * read but of a process in that very namespace. Undefined: it has ended, runs something else by now, or was never there.
 *
 * @param namespace inode of the sandbox's process namespace.
 */
export function openMemoryProgram(process: number, namespace: number): MemoryProgram | undefined {
  const place = `/proc/${process}`;
  let fd: number | undefined;
  try {
    const born = birthOf(process);
    const isTheirs = () =>
      readlinkSync(`${place}/ns/pid`) === `pid:[${namespace}]` && birthOf(process) === born;
    if (!isTheirs() || nameOf(`${place}/exe`) === undefined) return undefined;
    const opened = (fd = openSync(`${place}/exe`, READ));
    const name = nameOf(`/proc/self/fd/${opened}`);
    const { size, dev, nlink } = fstatSync(opened);
    // A file of that name that was deleted lies on a disk of the sandbox's.
    if (
      name === undefined ||
      nlink !== 0 ||
      size === 0 ||
      dev === statSync(`${place}/root/`).dev ||
      !isTheirs()
    )
      return undefined;
    fd = undefined;
    return {
      path: toByteString(Buffer.concat([Buffer.from("memfd:"), name])),
      size,
      content: () => createReadStream("", { fd: opened, start: 0, end: size - 1 }) as AsyncIterable<Buffer>,
      close: () => {
        closeSync(opened);
      },
    };
  } catch {
    return undefined; // it has ended
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function nameOf(link: string): Buffer | undefined {
  const target = readlinkSync(link, "buffer");
  const [before, after] = [Buffer.from("/memfd:"), Buffer.from(" (deleted)")];
  const isOne =
    target.subarray(0, before.length).equals(before) && target.subarray(-after.length).equals(after);
  return isOne ? target.subarray(before.length, -after.length) : undefined;
}
