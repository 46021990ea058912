/** An index in memory of sessions that a test makes up. */
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { extractEvidence } from "../../gateway/evidence/extract.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import { prepareSchema } from "../../gateway/index/schema.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import type { Capture, Change } from "../../gateway/model/capture.ts";
import type { SandboxId, SessionId } from "../../gateway/model/ids.ts";
import { Conversation } from "../evidence/conversation.ts";

export class Told {
  readonly #database = new DatabaseSync(":memory:");
  readonly index: IndexStore;
  readonly reader: IndexReader;
  #sessions = 0;

  constructor() {
    prepareSchema(this.#database);
    this.index = new IndexStore(this.#database);
    this.reader = new IndexReader(this.#database);
  }

  /** A session from there, a minute after the one before. Gives its id. */
  async session(source: string, build: (talk: Conversation) => void): Promise<SessionId> {
    const number = this.#sessions++;
    const session = createHash("sha256").update(`told ${number}`).digest("hex").slice(0, 12) as SessionId;
    const startedAt = `2026-11-23T${String(Math.floor(number / 60)).padStart(2, "0")}:${String(number % 60).padStart(2, "0")}:00.000000Z`;
    const talk = new Conversation(session, startedAt);
    const [opened] = talk.entries;
    if (opened?.type === "fact" && opened.fact.kind === "session-opened")
      talk.entries[0] = { ...opened, fact: { ...opened.fact, source: { address: source, port: 40_000 } } };
    build(talk);
    const evidence = await extractEvidence(talk.whole());
    this.index.putFinished(`recordings/${startedAt.slice(0, 10)}/${session}/session.mbr`, "ended", evidence);
    return session;
  }

  /** What stayed in its sandbox. */
  capture(session: SessionId, sandbox: string, source: string, changes: readonly Change[]): void {
    const capture: Capture = {
      ...{ sandbox: sandbox as SandboxId, sessions: [session], source },
      ...{ takenAt: "2026-11-23T20:00:00.000000Z", changes, cut: false },
    };
    this.index.putCapture(session, 1, capture);
  }
}

export function file(path: string, content: string): Change {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { kind: "A", path, type: "file", size: content.length, sha256 };
}
