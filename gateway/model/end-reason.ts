/** Why a session ended. The first cause wins and is set once (STYLE 2.5). */
export type EndReason =
  | "client-closed" // the attacker closed the connection, with or without a DISCONNECT
  | "sandbox-closed" // the sandbox's sshd closed it, as after logout of a client that waits for that
  | "protocol-error" // the attacker's bytes were not SSH, or a packet was malformed
  | "login-grace" // LoginGraceTime passed before a login
  | "too-many-attempts" // MaxAuthTries reached
  | "refused-start" // MaxStartups-like limit, before identification
  | "no-sandbox" // none could be had; the attacker saw an overloaded sshd
  | "session-deadline"
  | "idle-deadline"
  | "sandbox-deadline" // the sandbox reached its total life
  | "flood" // they asked for more a second than the policy allows
  | "recording-full" // limits.recordingSize reached
  | "disk-floor" // the machine's disk was nearly full, and their sandbox held most of it
  | "recording-failed" // what cannot be recorded is not proxied
  | "internal-error" // a defect of ours; the log has it
  | "drain"; // the gateway is stopping

export const END_REASONS = [
  "client-closed",
  "sandbox-closed",
  "protocol-error",
  "login-grace",
  "too-many-attempts",
  "refused-start",
  "no-sandbox",
  "session-deadline",
  "idle-deadline",
  "sandbox-deadline",
  "flood",
  "recording-full",
  "disk-floor",
  "recording-failed",
  "internal-error",
  "drain",
] as const satisfies readonly EndReason[];
