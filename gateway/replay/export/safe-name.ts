const LONGEST = 80;

/**
 * A name for a file of a stranger's: its number makes it the only one, and the last part of what it was called makes it known again.
 * It holds letters, digits, dot, line and underscore, begins with a digit, and so is no path, no option, no hidden file and no device.
 */
export function safeName(number: number, said: string): string {
  const last = said.slice(said.lastIndexOf("/") + 1);
  const plain = last.slice(0, LONGEST).replace(/[^A-Za-z0-9._-]/g, "_");
  return `${String(number).padStart(4, "0")}-${plain === "" ? "unnamed" : plain}`;
}
