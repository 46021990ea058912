/** What differs and is known to, each with why. Whoever closes one takes it out: the test fails for one that is alike. */
const UNTOLD_OPTIONS =
  "sshd tells a client in a DEBUG message, when it is in, what the key's line in authorized_keys allows; the gateway does not";
const UNREAD_OPTIONS =
  "sshd reads a key's options when it is asked for it; the gateway only when it is proven, and leaves them to the sandbox";

const KNOWN: Readonly<Record<string, string>> = {
  "one that has expired": UNREAD_OPTIONS,
  "one with an option that is none": UNREAD_OPTIONS,
  "one that is listed, then a password": UNTOLD_OPTIONS,
  "one that is listed, asked and proven": UNTOLD_OPTIONS,
  "one that is listed, proven at once": UNTOLD_OPTIONS,
  "one with a command of its own, proven": UNTOLD_OPTIONS,
  "a command of the key's own": UNTOLD_OPTIONS,
  "a terminal that the key does not allow": UNTOLD_OPTIONS,
};

export function knownOf(): Readonly<Record<string, string>> {
  return KNOWN;
}
