import { hmac } from "./hmac.ts";
import type { MacAlgorithm } from "./mac.ts";
import { umac } from "./umac.ts";

/** In OpenSSH 9.2's order of preference. */
export const MACS: Readonly<Record<string, MacAlgorithm>> = {
  "umac-64-etm@openssh.com": umac(8, true),
  "umac-128-etm@openssh.com": umac(16, true),
  "hmac-sha2-256-etm@openssh.com": hmac("sha256", true),
  "hmac-sha2-512-etm@openssh.com": hmac("sha512", true),
  "hmac-sha1-etm@openssh.com": hmac("sha1", true),
  "umac-64@openssh.com": umac(8, false),
  "umac-128@openssh.com": umac(16, false),
  "hmac-sha2-256": hmac("sha256", false),
  "hmac-sha2-512": hmac("sha512", false),
  "hmac-sha1": hmac("sha1", false),
};
