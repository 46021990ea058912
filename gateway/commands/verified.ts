import { existsSync } from "node:fs";
import { join } from "node:path";
import { recordings } from "../index/find-recording.ts";
import { MitsubakoError } from "../model/errors.ts";
import { LEDGER_FILE, LEDGER_PUBLIC_KEY } from "../model/ledger.ts";
import type { LedgerFiles } from "../replay/ledger.ts";
import { givenPath } from "./paths.ts";

/** Every recording of a data folder that is finished. */
export function* everyRecording(data: string): Generator<{ session: string; path: string }, void, undefined> {
  for (const { session, path, live } of recordings(data))
    if (!live) yield { session, path: join(data, path) };
}

/**
 * Undefined: nobody named one, and the data folder has none.
 *
 * @throws MitsubakoError `bad-usage` when a ledger is named without the key to believe it by.
 */
export function ledgerFiles(options: {
  data: string;
  ledger?: string;
  key?: string;
}): LedgerFiles | undefined {
  const data = givenPath(options.data);
  if (options.ledger !== undefined && options.key === undefined)
    throw new MitsubakoError("bad-usage", "--ledger needs --key.", {
      remedy: "--key takes the file ledger.pub of the data folder that the ledger is from.",
    });
  const ledger = options.ledger === undefined ? join(data, LEDGER_FILE) : givenPath(options.ledger);
  const key = options.key === undefined ? join(data, LEDGER_PUBLIC_KEY) : givenPath(options.key);
  return options.ledger === undefined && !existsSync(ledger) ? undefined : { ledger, key };
}
