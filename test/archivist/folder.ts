/** A data folder as the warden keeps it, for tests that play the warden. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import type { Capture } from "../../gateway/model/capture.ts";
import type { Entry, Fact, SessionEnded } from "../../gateway/model/entries.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { captureFile, NETWORK_FILE, type LateFact } from "../../gateway/model/late-files.ts";
import type { NetworkFact } from "../../gateway/model/network-facts.ts";
import { SANDBOX } from "../evidence/conversation.ts";
import { createRecording, type Recording } from "../../gateway/recording/writer.ts";

export const DAY = "2026-11-23";

export function dataFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-archivist-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  for (const one of ["live/0", "recordings", "events", "artifacts", "sealing"])
    mkdirSync(join(folder, one), { recursive: true });
  return folder;
}

/** Writes entries into a recording, each at its own time. */
export class Live {
  readonly session: SessionId;
  readonly path: string;
  readonly #folder: string;
  readonly #recording: Recording;
  #at = 0n;

  constructor(folder: string, session: SessionId) {
    this.session = session;
    this.path = join("live", "0", `${session}.mbr`);
    this.#folder = folder;
    this.#recording = createRecording({
      folder: join(folder, "live", "0"),
      session,
      startedAt: 0n,
      now: () => this.#at,
    });
  }

  write(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#at = entry.at;
      if (entry.type === "packet") this.#recording.packet(entry.from, entry.channel, entry.payload);
      else this.#recording.fact(entry.fact as Exclude<Fact, SessionEnded>);
    }
    this.#recording.flush();
  }

  /** Ends it in order, or leaves it cut, and hands it over. Gives the folder, relative to the data folder. */
  async finish(end: (Entry & { type: "fact"; fact: SessionEnded }) | "cut"): Promise<string> {
    if (end === "cut") {
      await this.#recording[Symbol.asyncDispose]();
    } else {
      this.#at = end.at;
      await this.#recording.close(end.fact);
    }
    return handOver(this.#folder, this.path, this.session);
  }
}

export function handOver(data: string, livePath: string, session: SessionId): string {
  const folder = join("recordings", DAY, session);
  mkdirSync(join(data, folder), { recursive: true });
  renameSync(join(data, livePath), join(data, folder, "session.mbr"));
  return folder;
}

export function putCapture(data: string, folder: string, capture: Capture, ordinal = 1): void {
  const path = join(data, folder, captureFile(ordinal));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(capture));
}

/** What the sandbox tried after the session, one a second. */
export function putLateFacts(data: string, folder: string, facts: readonly NetworkFact[]): void {
  const lines = facts.map((fact, second): LateFact => {
    return { at: `2026-11-23T10:00:${String(second % 60).padStart(2, "0")}.000000Z`, sandbox: SANDBOX, fact };
  });
  putLateLines(data, folder, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

export function putLateLines(data: string, folder: string, text: string | Buffer): void {
  writeFileSync(join(data, folder, NETWORK_FILE), text);
}
