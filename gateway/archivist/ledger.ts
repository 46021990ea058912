import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { SessionId } from "../model/ids.ts";
import { isRedactedEntry, isSealedEntry, LEDGER_FILE, readLedgerLine } from "../model/ledger.ts";

/** What the ledger says of a session by now. */
export interface LedgerState {
  /** Byte at which the last line begins by which its recording was sealed. */
  readonly sealedAt?: number;
  readonly redacted: boolean;
}

/** Every session of a data folder's ledger. Unsigned lines too: whoever can write there can do worse, and `verify` tells. */
export async function readLedger(dataFolder: string): Promise<Map<SessionId, LedgerState>> {
  const path = join(dataFolder, LEDGER_FILE);
  const sessions = new Map<SessionId, LedgerState>();
  if (!existsSync(path)) return sessions;
  let offset = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const entry = readLedgerLine(line, undefined);
    if (entry !== undefined) {
      const before = sessions.get(entry.session) ?? { redacted: false };
      if (isSealedEntry(entry)) sessions.set(entry.session, { ...before, sealedAt: offset });
      else sessions.set(entry.session, isRedactedEntry(entry) ? { ...before, redacted: true } : before);
    }
    offset += Buffer.byteLength(line) + 1;
  }
  return sessions;
}
