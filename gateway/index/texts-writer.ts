import type { DatabaseSync, StatementSync } from "node:sqlite";
import { indexed } from "./parts.ts";
import { written } from "./statements.ts";
import { digestOf, type TextKind, type Told } from "./texts.ts";

/** Writes texts, and which session mentions which. Within the caller's transaction. */
export class TextsWriter {
  readonly #find: StatementSync;
  readonly #add: StatementSync;
  readonly #addParts: StatementSync;
  readonly #mention: StatementSync;
  readonly #mentioned: StatementSync;
  readonly #unmention: StatementSync;

  constructor(database: DatabaseSync) {
    this.#find = database.prepare("SELECT id FROM texts WHERE kind = ? AND digest = ?");
    this.#add = written(database.prepare("INSERT INTO texts (kind, digest, text) VALUES (?,?,?)"));
    this.#addParts = written(database.prepare("INSERT INTO texts_parts (rowid, text) VALUES (?,?)"));
    this.#mention = written(
      database.prepare("INSERT OR IGNORE INTO mentions (text, started_us, session, at_ns) VALUES (?,?,?,?)"),
    );
    this.#mentioned = database.prepare("SELECT count(*) AS n FROM mentions WHERE session = ?");
    this.#unmention = written(database.prepare("DELETE FROM mentions WHERE session = ?"));
  }

  /** The number of a text, which is made if it is new. @param text as `stored` makes it. */
  put(kind: TextKind, text: string): number {
    const digest = digestOf(kind, text);
    const known = this.#find.get(kind, digest);
    if (known !== undefined) return Number(known["id"]);
    const { lastInsertRowid } = this.#add.run(kind, digest, text);
    this.#addParts.run(lastInsertRowid, indexed(text));
    return Number(lastInsertRowid);
  }

  find(kind: TextKind, text: string): number | undefined {
    const id = this.#find.get(kind, digestOf(kind, text))?.["id"];
    return id === undefined ? undefined : Number(id);
  }

  /** @param started of the session, microseconds since 1970. */
  mention(session: string, started: number, texts: readonly Told[]): void {
    for (const { kind, text, at } of texts) this.#mention.run(this.put(kind, text), started, session, at);
  }

  mentioned(session: string): number {
    return Number(this.#mentioned.get(session)?.["n"]);
  }

  unmention(session: string): void {
    this.#unmention.run(session);
  }
}
