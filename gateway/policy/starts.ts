/**
 * Whether a new connection is dropped because too many are not logged in yet: OpenSSH's rule (sshd.c, should_drop_connection; sshd_config(5),
 * MaxStartups). None below `begin`, all from `full` on, in between by chance, rising in a line from `percent` to 100.
 */
export function dropsStart(
  starts: { readonly begin: number; readonly percent: number; readonly full: number },
  /** Connections not logged in at this moment, the new one not counted. */
  pending: number,
  /** Uniform in [0, 1). */
  random: () => number = Math.random,
): boolean {
  if (pending < starts.begin) return false;
  if (pending >= starts.full || starts.percent === 100) return true;
  // sshd counts in whole percents, rounded down at this point.
  const rise = Math.trunc(((100 - starts.percent) * (pending - starts.begin)) / (starts.full - starts.begin));
  return Math.floor(random() * 100) < starts.percent + rise;
}
