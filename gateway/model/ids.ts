import { randomBytes } from "node:crypto";

/** Twelve lower-case hexadecimal characters, the width that readers of Cowrie's `session` field expect. */
export type SessionId = string & { readonly __session: unique symbol };
/** Twelve lower-case hexadecimal characters naming one sandbox, from its creation to its removal. */
export type SandboxId = string & { readonly __sandbox: unique symbol };

const TWELVE_HEX = /^[0-9a-f]{12}$/;

export function newSessionId(): SessionId {
  return randomBytes(6).toString("hex") as SessionId;
}

export function newSandboxId(): SandboxId {
  return randomBytes(6).toString("hex") as SandboxId;
}

/** Ids become file names; this is the only way in for one that came from another process or an argument. */
export function isSessionId(text: unknown): text is SessionId {
  return typeof text === "string" && TWELVE_HEX.test(text);
}

export function isSandboxId(text: unknown): text is SandboxId {
  return typeof text === "string" && TWELVE_HEX.test(text);
}
