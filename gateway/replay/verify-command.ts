import type { Writable } from "node:stream";
import { escapeText } from "../model/bytes.ts";
import { jsonText } from "../model/json.ts";
import { verify, type Verification } from "../recording/verify.ts";
import { checkLedger, vouchedFor, type LedgerFiles, type Vouched } from "./ledger.ts";
import { locate, type FindRecording } from "./locate.ts";

export interface VerifyOptions {
  /** Each a session's id or the unique beginning of one, or the path of a recording. None: everything that `all` gives, and the ledger. */
  readonly sessions: readonly string[];
  /** Undefined: there is none to compare with. */
  readonly ledger?: LedgerFiles;
  /** One JSON object a line. */
  readonly json?: boolean;
}

/** Every finished recording of a data folder. */
export type AllRecordings = () => Iterable<{ readonly session: string; readonly path: string }>;

/**
 * Says of each recording whether it is what was written, and of a sealed one whether the ledger vouches for it. Resolves to the exit
 * code: 0 when each is complete or at worst cut off, 1 when one is damaged, not what the ledger vouches for, or missing.
 * Rejects with `not-found`, `bad-usage`, and when a file cannot be read.
 */
export async function verifyCommand(
  { sessions, ledger, json }: VerifyOptions,
  { stdout }: { readonly stdout: Writable },
  find: FindRecording,
  all: AllRecordings = () => [],
): Promise<number> {
  let code = 0;
  const say = (object: object, text: string) =>
    stdout.write(json === true ? `${jsonText(object)}\n` : `${text}\n`);
  const one = async (path: string, isOurs: boolean) => {
    let { result, vouched } = await looked(path, ledger);
    // A gateway may have put another in its place between the first look and the last, when passwords were dropped.
    if (vouched?.reason !== undefined) ({ result, vouched } = await looked(path, ledger));
    const sound = result.firstBad === undefined;
    // A recording that came from elsewhere, or that is not sealed yet, need not be in this ledger.
    const reason = isOurs && result.seal !== undefined ? vouched?.reason : mismatch(vouched);
    if (!sound || reason !== undefined) code = 1;
    const { session } = result;
    const name = escapeText(session ?? path);
    say(
      { path, ...result, ...inJson(vouched) },
      `${name}: ${sentence(result)}${ledgerSentence(vouched, reason)}`,
    );
  };
  for (const asked of sessions) {
    const path = await locate(asked, find);
    await one(path, path !== asked);
  }
  if (sessions.length > 0) return code;

  const seen = new Set<string>();
  for (const { session, path } of all()) {
    seen.add(session);
    await one(path, true);
  }
  if (ledger === undefined) return code;
  const check = await checkLedger(ledger);
  const missing = [...check.sessions].filter((session) => !seen.has(session));
  if (check.firstBad !== undefined || missing.length > 0) code = 1;
  const { lines, head, firstBad } = check;
  say(
    { ledger: ledger.ledger, lines, head, ...(firstBad && { firstBad }), missing },
    firstBad === undefined
      ? `The ledger: ${lines} lines, each signed and following the one before; hash of the last ${head}.`
      : `The ledger: line ${firstBad.line} is bad (${firstBad.reason}); the ${lines} before it are good.`,
  );
  for (const session of missing)
    if (json !== true) stdout.write(`${session}: the ledger vouches for it, and it is not here.\n`);
  return code;
}

async function looked(
  path: string,
  ledger: LedgerFiles | undefined,
): Promise<{ readonly result: Verification; readonly vouched: Vouched | undefined }> {
  const result = await verify(path);
  const isAsked = result.firstBad === undefined && ledger !== undefined;
  return { result, vouched: isAsked ? await vouchedFor(path, result, ledger) : undefined };
}

function mismatch(vouched: Vouched | undefined): Vouched["reason"] {
  return vouched?.reason === "not in the ledger" ? undefined : vouched?.reason;
}

function inJson({ by, redacted, reason }: Vouched = {}): object {
  return {
    ...(by && { ledgerLine: by.number }),
    ...(redacted && {
      redacted: { line: redacted.number, at: redacted.at, rule: redacted.redacted, was: redacted.was },
    }),
    ...(reason === undefined ? {} : { ledgerSays: reason }),
  };
}

function ledgerSentence(vouched: Vouched | undefined, reason: Vouched["reason"]): string {
  const { by, redacted } = vouched ?? {};
  if (by !== undefined && redacted !== undefined)
    return ` Its ${redacted.redacted} were dropped as the policy wants it, says line ${redacted.number} of the ledger, of ${redacted.at.slice(0, 19)}Z; line ${by.number} vouches for what it was before.`;
  if (by !== undefined) return ` Line ${by.number} of the ledger vouches for it, of ${by.at.slice(0, 19)}Z.`;
  return reason === undefined ? "" : ` It is ${reason}.`;
}

function sentence({ entries, bytes, dropped, cutAt, firstBad, head, seal }: Verification): string {
  const without = dropped === undefined ? "" : `, ${dropped} of them without their passwords`;
  const size = `${entries} entries${without}, ${bytes} bytes${seal === undefined ? "" : " sealed"}`;
  if (firstBad !== undefined)
    return `damaged at byte ${firstBad.offset} (${firstBad.reason}); the ${entries} entries before it are good.`;
  if (cutAt !== undefined)
    return `cut off after ${size}: its writer was killed${seal === undefined ? " or still writes" : ""}; what is there is good up to byte ${cutAt}.`;
  return `complete, ${size}, last hash ${head ?? ""}.`;
}
