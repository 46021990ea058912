/**
 * How long Debian 12's sshd (OpenSSH 9.2, UsePAM yes) takes to refuse, for when the gateway has to refuse by itself.
 * Two delays follow each other, and neither knows whether the user exists:
 * 1. libpam 1.5.2: pam_unix asks for 2 s (pam_fail_delay); libpam sleeps that times 0.5 to 1.5, by a generator seeded with the
 *    second in which the attempt began (libpam/pam_delay.c, _pam_compute_delay). The same second gives the same delay.
 * 2. sshd: 5 ms and up to 4.3 ms more, fixed for each user name on one host, doubled until it is longer than what has passed
 *    (auth2.c, user_specific_delay and ensure_minimum_time_since). So the answers of one name come at few, recurring times.
 * Measured against 9.2p1-2+deb12u10 on loopback: 15 of 18 refused passwords came within 16 ms of what this computes, the other 3
 * (each connection's first, which starts PAM) within 54 ms; five keyboard-interactive ones within 160 ms.
 */
import { createHash } from "node:crypto";
import { fromByteString } from "../model/bytes.ts";
import type { ByteString } from "../model/bytes.ts";
import type { AttemptMethod } from "../model/entries.ts";

/** What pam_unix asks for, in microseconds (modules/pam_unix/support.c). */
const PAM_UNIX_DELAY = 2_000_000;
/** What PAM and sshd do themselves, in milliseconds: 1 to 8 measured for users that do not exist. */
const OWN_WORK = 2;

export interface Refusal {
  readonly method: AttemptMethod;
  readonly user: ByteString;
  /** When the attempt's request came (not the answer to a prompt), in milliseconds of the wall clock. */
  readonly at: number;
  /** As `timingSecret` makes it, the same for all fronts and over restarts. */
  readonly secret: bigint;
}

/** Milliseconds from the password (or, without one, from the request) to the refusal. */
export function refusalDelay({ method, user, at, secret }: Refusal): number {
  const pam = pamFailDelay(Math.floor(at / 1000)) + OWN_WORK;
  switch (method) {
    case "password":
      return ensureMinimum(pam, userDelay(user, secret));
    case "keyboard-interactive":
      // The answer to its prompt takes another way through sshd, without the second delay (auth2-chall.c).
      return pam;
    case "none":
    case "publickey":
    case "other":
      return userDelay(user, secret);
    default:
      return method satisfies never;
  }
}

/**
 * sshd's own comes from its host keys (sshd.c, accumulate_host_timing_secret), so that it lasts; so does ours.
 * `hostKeys`: the private keys' text, in the persona's order.
 */
export function timingSecret(hostKeys: readonly string[]): bigint {
  const hash = createHash("sha512");
  for (const key of hostKeys) hash.update(key);
  return hash.digest().readBigUInt64BE(0);
}

/** Milliseconds, 1000 to 3000, for an attempt that began in this second of Unix time. */
export function pamFailDelay(second: number): number {
  let seed = second >>> 0;
  let sum = 0;
  for (let i = 0; i < 3; i++) {
    // Knuth's linear congruential generator modulo 2^32, as libpam has it.
    seed = (Math.imul(1664525, seed) + 1013904223) >>> 0;
    sum += Math.floor(seed / 10) % 1_000_000;
  }
  return Math.trunc(PAM_UNIX_DELAY * (0.5 + sum / 3e6)) / 1000;
}

/** Milliseconds, 5 to 9.3. */
function userDelay(user: ByteString, secret: bigint): number {
  // snprintf into 512 bytes, of which the last is NUL.
  const text = Buffer.concat([Buffer.from(secret.toString()), fromByteString(user)]).subarray(0, 511);
  return 5 + createHash("sha512").update(text).digest().readUInt32BE(0) / 1e9;
}

function ensureMinimum(elapsed: number, least: number): number {
  let total = least;
  while (total < elapsed) total *= 2;
  return total;
}
