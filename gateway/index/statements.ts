import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";

export type Value = string | number | bigint | Uint8Array | undefined;

/** A writer's statements, each prepared once. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  run(sql: string, values: readonly Value[]): void {
    written(this.#statement(sql)).run(...values.map((value) => value ?? null));
  }

  get(sql: string, ...values: readonly Value[]): Record<string, SQLOutputValue> | undefined {
    return this.#statement(sql).get(...values.map((value) => value ?? null));
  }

  all(sql: string, ...values: readonly Value[]): Record<string, SQLOutputValue>[] {
    return this.#statement(sql).all(...values.map((value) => value ?? null));
  }

  /** All of the work, or nothing. */
  transaction(work: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** As `transaction`; what it deletes is overwritten in the file. */
  overwriting(work: () => void): void {
    this.#database.exec("PRAGMA secure_delete = ON");
    try {
      this.transaction(work);
    } finally {
      this.#database.exec("PRAGMA secure_delete = OFF");
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) this.#prepared.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}

/** FTS5 writes rows of its own, whose numbers are over what a plain number holds: asking for the last one's would fail. */
export function written(statement: StatementSync): StatementSync {
  statement.setReadBigInts(true);
  return statement;
}
