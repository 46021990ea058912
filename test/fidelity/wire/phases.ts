/** All that is asked, in the order of a connection's life. */
import type { Phase } from "./compare.ts";
import { connection, numbersAfterLogin, rekeying } from "./probes/after-login.ts";
import { clear, numbersBeforeKeys } from "./probes/before-keys.ts";
import { identification, offers } from "./probes/identification.ts";
import { knownKeys } from "./probes/known-keys.ts";
import { segments } from "./probes/segments.ts";
import { frames, logins, numbersBeforeLogin, services } from "./probes/under-keys.ts";

export const PHASES: readonly Phase[] = [
  identification,
  offers,
  clear,
  ...numbersBeforeKeys,
  frames,
  numbersBeforeLogin,
  services,
  logins,
  knownKeys,
  numbersAfterLogin,
  connection,
  rekeying,
  segments,
];
