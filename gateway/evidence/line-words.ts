/** Words of a line of cells (one character each), as readline goes over them. */

/** Where the word before the cursor begins. */
export function wordStart(
  cells: readonly string[],
  cursor: number,
  isOfWord: (cell: string) => boolean,
): number {
  let start = cursor;
  while (start > 0 && !isOfWord(cells[start - 1] ?? "")) start--;
  while (start > 0 && isOfWord(cells[start - 1] ?? "")) start--;
  return start;
}

/** Where the word after the cursor ends. */
export function wordEnd(cells: readonly string[], cursor: number): number {
  let end = cursor;
  while (end < cells.length && !isLetter(cells[end] ?? "")) end++;
  while (end < cells.length && isLetter(cells[end] ?? "")) end++;
  return end;
}

export function isLetter(cell: string): boolean {
  return cell.length > 1 || /[A-Za-z0-9]/.test(cell);
}

export function isNoBlank(cell: string): boolean {
  return cell !== " " && cell !== "\t";
}
