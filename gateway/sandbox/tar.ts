import { extract, pack } from "tar-stream";

/** One thing to be put into a sandbox. Paths are ours (ASCII, relative to the root), never a stranger's. */
export interface TarFile {
  readonly path: string;
  /** Absent: a folder. */
  readonly content?: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: Date;
}

export async function makeTar(files: readonly TarFile[]): Promise<Buffer> {
  const archive = pack();
  for (const { path, content, mode, uid, gid, modifiedAt } of files) {
    const header = { name: path, mode, uid, gid, mtime: modifiedAt };
    if (content === undefined) archive.entry({ ...header, type: "directory" });
    else archive.entry({ ...header, type: "file", size: content.length }, Buffer.from(content));
  }
  archive.finalize();
  return collect(archive);
}

async function collect(archive: AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

export interface TarEntry {
  readonly type: "file" | "directory" | "link" | "other";
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: Date;
}

/**
 * The first entry of an archive as it comes from the engine, and its content piece by piece. What follows is not read.
 * @throws when the archive is damaged or ends early.
 */
export async function readFirst<T>(
  source: NodeJS.ReadableStream & { destroy?(): void },
  consume: (entry: TarEntry, content: AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> {
  const parser = extract();
  source.on("error", (error: Error) => {
    parser.destroy(error);
  });
  source.pipe(parser);
  try {
    for await (const entry of parser) {
      const { header } = entry;
      return await consume(
        {
          type: typeOf(header.type),
          size: header.size,
          mode: header.mode,
          uid: header.uid,
          gid: header.gid,
          modifiedAt: header.mtime,
        },
        entry as AsyncIterable<Buffer>,
      );
    }
    throw new Error("the archive is empty");
  } finally {
    source.unpipe(parser);
    parser.destroy();
    source.destroy?.();
  }
}

function typeOf(type: string | null | undefined): TarEntry["type"] {
  switch (type) {
    case "file":
    case "contiguous-file":
      return "file";
    case "directory":
      return "directory";
    case "symlink":
      return "link";
    default:
      return "other";
  }
}
