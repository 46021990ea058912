import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Entry, Fact, SessionEnded } from "../../gateway/model/entries.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { createRecording, type Recording } from "../../gateway/recording/writer.ts";

export const SESSION = "0123456789ab" as SessionId;
export const ENDED: SessionEnded = { kind: "session-ended", reason: "client-closed" };

/** A folder of the test's own, gone after it. */
export function ownFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-recording-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A recording whose clock advances by one millisecond with each entry, so that its bytes are always the same. */
export function steadyRecording(folder: string, session: SessionId = SESSION): Recording {
  let time = 0n;
  return createRecording({ folder, session, startedAt: 0n, now: () => (time += 1_000_000n) });
}

export const SMALL_FACTS: readonly Exclude<Fact, SessionEnded>[] = [
  {
    kind: "session-opened",
    session: SESSION,
    startedAt: "2026-11-23T02:15:37.223438Z",
    source: { address: "192.0.2.7", port: 50123 },
    listener: { address: "198.51.100.1", port: 22 },
    sensor: "lab",
    persona: "debian-12",
    policy: "00".repeat(32),
  },
  { kind: "client-version", version: toByteString(Buffer.from("SSH-2.0-\xff\x00Go", "latin1")) },
  { kind: "credential", attempt: 1, password: toByteString(Buffer.from([0x70, 0xff, 0x00, 0x0a])) },
];

/** SSH_MSG_CHANNEL_DATA for channel 0. */
export function channelData(text: string): Buffer {
  const data = Buffer.from(text, "latin1");
  const payload = Buffer.alloc(9 + data.length);
  payload[0] = 94;
  payload.writeUInt32BE(data.length, 5);
  data.copy(payload, 9);
  return payload;
}

/** Facts, a credential, packets both ways, and an end: under a kilobyte. */
export async function smallRecording(folder: string): Promise<string> {
  const recording = steadyRecording(folder);
  for (const fact of SMALL_FACTS) recording.fact(fact);
  recording.packet("downstream", 1, channelData("ls\r"));
  recording.packet("upstream", 1, channelData("\x1b[0m\xff\xfe\r\n"));
  recording.flush();
  return (await recording.close(ENDED)).path;
}

export async function collect<T extends Entry>(entries: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}
