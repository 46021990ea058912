import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { MitsubakoError } from "../../gateway/model/errors.ts";
import { recordings } from "../../gateway/index/find-recording.ts";
import { readEntries } from "../../gateway/recording/reader.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { playCommand } from "../../gateway/replay/play.ts";

export interface ReadRecording {
  readonly session: string;
  /** In `live/` still. */
  readonly live: boolean;
  /** Why it is not what was written; undefined when all of it, or all up to where its writer died, is. */
  readonly damage: string | undefined;
  /** False: its writer died before the first entry, so nobody can say when and from where; nothing had been said to the client. */
  readonly isBegun: boolean;
  /** What `play --raw` gives; empty when nothing was started in it. */
  readonly played: Buffer;
}

/** Reads every recording of a data folder as `mitsubako verify` and `mitsubako play --raw` do. */
export async function readRecordings(data: string): Promise<ReadRecording[]> {
  const all: ReadRecording[] = [];
  for (const { session, path, live } of recordings(data)) {
    const file = join(data, path);
    const { firstBad } = await verify(file);
    all.push({
      session,
      live,
      damage: firstBad?.reason,
      isBegun: await isBegun(file),
      played: await played(file),
    });
  }
  return all;
}

async function isBegun(file: string): Promise<boolean> {
  for await (const _ of readEntries(file)) return true;
  return false;
}

async function played(file: string): Promise<Buffer> {
  const output: Buffer[] = [];
  const stdout = new Writable({
    write(chunk: Buffer, _, done) {
      output.push(chunk);
      done();
    },
  });
  const streams = { stdin: new PassThrough(), stdout, stderr: new PassThrough().resume() };
  try {
    const code = await playCommand({ session: file, raw: true }, streams, (path) => Promise.resolve(path));
    if (code !== 0) throw new Error(`play --raw of ${file} ended with ${code}`);
  } catch (error) {
    if (!(error instanceof MitsubakoError && error.code === "not-found")) throw error;
  }
  return Buffer.concat(output);
}
