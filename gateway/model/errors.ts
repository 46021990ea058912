/**
 * Every error an operator or another module can meet has a stable code. The message is one sentence that names
 * what is wrong; the remedy, where there is one, is a second that says what to do.
 */
export class MitsubakoError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MitsubakoError";
    this.code = code;
    this.remedy = options.remedy;
  }
}

/** The table of codes, from which `docs/errors.md` is made. Exit code 2: the call or the machine is at fault; 1: the thing asked about. */
export const ERROR_CODES = {
  "not-root": { exit: 2, meaning: "The gateway was started without root's rights." },
  "bad-usage": { exit: 2, meaning: "A command was called with arguments it does not take." },
  "port-taken": { exit: 2, meaning: "Another program listens on the address asked for." },
  "bad-listen-address": { exit: 2, meaning: "A --listen value is not ADDRESS:PORT of this machine." },
  "engine-dead": { exit: 2, meaning: "Docker Engine does not answer on its socket." },
  "engine-refused": { exit: 2, meaning: "Docker Engine refused what it was asked to do." },
  "engine-unfit": {
    exit: 2,
    meaning: "Docker Engine cannot contain a sandbox as it has to: runtime, seccomp or user namespaces.",
  },
  "archive-unreachable": {
    exit: 2,
    meaning: "The distribution's archive cannot be reached to build the sandbox image.",
  },
  "image-missing": { exit: 2, meaning: "The persona's sandbox image is not in the engine." },
  "persona-unlearnable": {
    exit: 1,
    meaning: "A server did not say what has to be known of it, or nothing that the gateway could play.",
  },
  "persona-unusable": { exit: 1, meaning: "A learned persona's file is not one." },
  "image-build-failed": { exit: 2, meaning: "Building the sandbox image failed." },
  "disk-full": { exit: 2, meaning: "A disk that is needed has no room." },
  "code-unreadable": {
    exit: 2,
    meaning: "The program's own files cannot be read by its unprivileged processes.",
  },
  "tool-missing": { exit: 2, meaning: "A program of the distribution (nft, ip, ...) is not installed." },
  "witness-unfit": {
    exit: 2,
    meaning: "A sandbox's files cannot be watched here, and the policy requires it (evidence.watchFiles).",
  },
  "watch-unfit": {
    exit: 2,
    meaning:
      "What runs in sandboxes cannot be seen from outside here, and the policy requires it (evidence.processes).",
  },
  "firewall-failed": {
    exit: 2,
    meaning: "netfilter did not take the rules; no sandbox is started without them.",
  },
  "no-free-slot": { exit: 2, meaning: "All slots for gateways on this machine are in use." },
  "data-in-use": { exit: 2, meaning: "Another gateway works on this data folder." },
  "data-unusable": { exit: 2, meaning: "The data folder cannot be made, written or trusted." },
  "webhook-unusable": {
    exit: 2,
    meaning: "A file that the policy names for its webhook cannot be read, or others can read it.",
  },
  "policy-unreadable": { exit: 2, meaning: "The policy file cannot be read." },
  "policy-invalid": { exit: 1, meaning: "The policy file is not valid." },
  "not-found": { exit: 1, meaning: "The session, file or sandbox asked for does not exist." },
  "recording-damaged": { exit: 1, meaning: "A recording's bytes are not what was written." },
  "recording-failed": { exit: 2, meaning: "A recording could not be written." },
  "recording-full": { exit: 2, meaning: "A recording reached the size that the policy allows it." },
  "no-sandbox": { exit: 2, meaning: "No sandbox can be had now (all in use, or the engine failed)." },
  "protocol-error": { exit: 2, meaning: "The other side of an SSH connection broke the protocol." },
  internal: { exit: 2, meaning: "A defect in Mitsubako." },
} as const satisfies Record<string, { exit: 1 | 2; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
