import type { Archive } from "./archive.ts";

/** Longer lines no honest authorized_keys has. */
const MOST_BYTES = 8192;

/** A one-time key in the sandbox. Disposing of it takes it out; it can be disposed of more than once. */
export interface Grant extends AsyncDisposable {
  readonly path: string;
}

/**
 * Puts a line where the sandbox's sshd also looks for keys (its configuration in memory names the file). For the moment of the
 * login only: then the file is gone without a trace on disk and without a process of ours inside (`Archive.remove`).
 */
export async function grantOnce(archive: Archive, user: string, line: string): Promise<Grant> {
  if (line.length > MOST_BYTES || !/^[\x20-\x7e\t]+$/.test(line))
    throw new RangeError("a one-time key is one line of printable ASCII, at most 8 KiB");
  const path = `/run/sshd/${user}.once`;
  await archive.write([
    {
      path: path.slice(1),
      content: Buffer.from(`${line}\n`),
      // sshd reads it as the user.
      mode: 0o644,
      uid: 0,
      gid: 0,
      modifiedAt: new Date(),
    },
  ]);
  let removed: Promise<void> | undefined;
  return { path, [Symbol.asyncDispose]: () => (removed ??= archive.remove(path)) };
}
