import type { SQLInputValue, SQLOutputValue } from "node:sqlite";

/** Answers a question to the database. */
export type Ask = (question: Sql) => Record<string, SQLOutputValue>[];
export type AskEach = (question: Sql) => Iterable<Record<string, SQLOutputValue>>;

/** A piece of SQL with the values for its question marks, in their order. What strangers or operators wrote is only ever a value. */
export interface Sql {
  readonly text: string;
  readonly values: readonly SQLInputValue[];
}

/** Pieces put together by a template; what stands in it that is no piece is a value. */
export function sql(strings: TemplateStringsArray, ...parts: readonly (Sql | SQLInputValue)[]): Sql {
  let text = strings[0] ?? "";
  const values: SQLInputValue[] = [];
  for (const [place, part] of parts.entries()) {
    if (isSql(part)) {
      text += part.text;
      values.push(...part.values);
    } else {
      text += "?";
      values.push(part);
    }
    text += strings[place + 1] ?? "";
  }
  return { text, values };
}

export function joined(pieces: readonly Sql[], between: string): Sql {
  return {
    text: pieces.map(({ text }) => text).join(between),
    values: pieces.flatMap(({ values }) => values),
  };
}

/** Of two conditions or more, each true. */
export function all(conditions: readonly Sql[]): Sql {
  return conditions.length === 0 ? sql`TRUE` : joined(conditions, " AND ");
}

function isSql(part: Sql | SQLInputValue): part is Sql {
  return typeof part === "object" && part !== null && "text" in part;
}
