/** A file with addresses and ranges, one a line. */
import { cidr } from "../model/policy-units.ts";
import { AddressSet } from "./address-set.ts";
import type { Problem } from "./problem.ts";

const MOST_PROBLEMS = 50;

/** Never throws, whatever the bytes are. `#` begins a comment; empty lines are none. */
export function readAddressList(
  bytes: Uint8Array,
  file: string,
): { readonly addresses: AddressSet; readonly problems: readonly Problem[] } {
  const addresses = new AddressSet();
  const problems: Problem[] = [];
  const lines = Buffer.from(bytes)
    .toString("latin1")
    .split(/\r\n|\n|\r/);
  for (const [index, line] of lines.entries()) {
    const [before = ""] = line.split("#", 1);
    const range = before.trim();
    if (range === "") continue;
    if (cidr.safeParse(range).success) {
      addresses.add(range);
      continue;
    }
    if (problems.length === MOST_PROBLEMS) break;
    const shown = range.length > 60 ? `${range.slice(0, 57)}...` : range;
    const found = JSON.stringify(shown);
    const expected = cidr.meta()?.["expected"] as string;
    problems.push({
      ...{ file, line: index + 1, column: before.length - before.trimStart().length + 1, path: "" },
      ...{ found, expected, message: `a line has to be ${expected}, or a comment after #; found ${found}` },
    });
  }
  return { addresses, problems };
}
