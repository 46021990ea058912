/** Message numbers of the key exchange (RFC 4250 section 4.1.2, RFC 4419 section 5); 30 and 31 are the same for each method but group exchange. */
export const KEX_MSG = {
  KEXINIT: 20,
  NEWKEYS: 21,
  INIT: 30,
  REPLY: 31,
  GEX_GROUP: 31,
  GEX_INIT: 32,
  GEX_REPLY: 33,
  GEX_REQUEST: 34,
} as const;

/** OpenSSH refuses types outside of 1 to 191: 192 and above are for local use. One that knows pings (since 9.5) takes those too. */
export const LEAST_TYPE = 1;
export const LEAST_LOCAL_TYPE = 192;
/** The end of sshd's table of messages; one beyond it ends the connection without a word. */
export const LAST_DISPATCHED = 254;
