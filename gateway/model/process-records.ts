/**
 * What the kernel's programs write for the watcher: a record is its length in four bytes and then this, little-endian. Nothing in it is a
 * text that could be taken for another's end: what a stranger wrote stands in parts whose lengths are told before.
 */
export const RECORD_KINDS = {
  /** Records that were lost, and that were over a sandbox's budget: two numbers of eight bytes from `time` on. */
  lost: 0,
  forked: 1,
  executed: 2,
  exited: 3,
  "not-executed": 4,
  connected: 5,
  accepted: 6,
  /** All that was told before the warden asked stands before it: its number is where the time of others is. */
  marked: 7,
} as const;

export type RecordKind = keyof typeof RECORD_KINDS;

/** Offsets, and sizes, in bytes. Numbers have four bytes but for the time. */
export const RECORD = {
  kind: 0,
  /** Inode of the process namespace. */
  namespace: 4,
  /** Eight bytes: nanoseconds of CLOCK_MONOTONIC. */
  time: 8,
  /** As the host has them. */
  process: 16,
  thread: 20,
  /** Process id as it is seen inside; of the child in `forked`. */
  inside: 24,
  /** Effective, as the host has it. */
  uid: 28,
  /** Seen inside; 0: it is not. */
  parent: 32,
  pathSize: 36,
  /** Of all arguments. */
  argumentsSize: 40,
  /** The session's leader, as it is seen inside. */
  leader: 44,
  /** Signed: minus the error; of an exit as wait() has it. */
  result: 48,
  addressSize: 52,
  /** Those that are 0 where a record has no use for them. */
  filled: [32, 36, 40, 44, 48, 52],
  path: 56,
  address: 56,
  longestAddress: 128,
  acceptedAddress: 28,
  /** Of a record with nothing behind its numbers. */
  shortSize: 56,
} as const;

/** Bytes of the largest record: its head, a path, arguments. */
export const LARGEST_RECORD = RECORD.path + 4096 + 16_384;

/** Connects, accepts and execs that failed of one sandbox that are told within 2^30 ns. */
export const CHEAP_PER_WINDOW = 4000;
