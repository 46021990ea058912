/**
 * Which user names can get an account. Ours is the stricter half of two rules, both of Debian 12:
 * - shadow 4.13, lib/chkname.c: `[a-zA-Z0-9_.][a-zA-Z0-9_.-]{0,30}[a-zA-Z0-9_.$-]?`, not all digits, not `.` or `..`
 *   (useradd(8): up to 32 characters, a dollar sign only at the end, no dash at the start);
 * - Debian's own patch to it, tried on useradd 4.13+dfsg1-1+deb12u1: whatever is not empty, is at most 32 bytes, does not start with
 *   `-`, `+` or `~` and holds no colon, comma or white space. That also lets in `a/b`, `..` and `123`.
 * So every name accepted here is one that the real `useradd` makes (`Admin`, `a.b` and `1abc` are), and none can leave its folder
 * below /home, break a line of /etc/passwd or be taken for a uid.
 */
import type { ByteString } from "./bytes.ts";

export const LONGEST_USER_NAME = 32;

export function isUserName(name: string | ByteString): boolean {
  return (
    /^[a-zA-Z0-9_.][a-zA-Z0-9_.-]{0,30}[a-zA-Z0-9_.$-]?$/.test(name) &&
    // `$` also matches before a final newline in some engines, not in JavaScript's without the m flag.
    !/^(?:\d+|\.|\.\.)$/.test(name)
  );
}

/** libxcrypt's CRYPT_MAX_PASSPHRASE_SIZE is 512: crypt() fails from 512 bytes on (tried: 511 hashes, 512 gives `*0`). */
export const LONGEST_PASSWORD = 511;

/**
 * Whether an account could have this password. NUL ends a C string on its way to PAM, and neither `passwd` nor
 * `chpasswd` can set one with a newline, so no real server would let them in.
 */
export function isPassword(password: string | ByteString): boolean {
  return (
    password !== "" &&
    password.length <= LONGEST_PASSWORD &&
    !password.includes("\0") &&
    !password.includes("\n")
  );
}
