import type { ShapedLink } from "./shaping.ts";
import { bpfFilter, redirectFilter, type ShownFilter, type ShownLink } from "./tc.ts";

/** What looks at packets that come from a sandbox; `upLink` is the device that shapes them, if one does. */
export function portFaults(
  port: string,
  filter: string,
  upLink: string | undefined,
  shown: ShownLink | undefined,
): string[] {
  const wanted: ShownFilter[] = [
    { preference: 1, what: bpfFilter(filter, "direct-action") },
    ...(upLink === undefined ? [] : [{ preference: 2, what: redirectFilter(upLink) }]),
  ];
  return same(wanted, shown?.ingress ?? []) ? [] : [`the filter at ${port} is not what it should be`];
}

/** Whether a device shapes as it should; one that should not is given without a wanted state. */
export function linkFaults(
  link: string,
  wanted: ShapedLink | undefined,
  shown: ShownLink | undefined,
): string[] {
  const htb = shown?.qdiscs.some(({ kind, root }) => kind === "htb" && root === true) === true;
  if (!wanted) return htb ? [`${link} is shaped, which nobody asked for`] : [];
  if (!shown || !htb) return [`${link} is not shaped`];
  if (foreignAt(shown)) return [`${link} has a queue that is not ours`];
  const faults = wanted.classes.flatMap(({ name, rate }) => {
    const found = shown.classes.get(name);
    const leaf = shown.qdiscs.some(({ kind, parent }) => kind === "tbf" && parent === name);
    return found && leaf && near(found.rate, rate) && near(found.ceil, rate)
      ? []
      : [`${link} does not shape to ${rate} bits a second`];
  });
  if (shown.classes.size > wanted.classes.length) faults.push(`${link} has a class that nobody asked for`);
  const classifier = [{ preference: 1, what: bpfFilter(wanted.classifier, "class") }];
  if (!same(classifier, shown.egress)) faults.push(`the classifier of ${link} is not what it should be`);
  return faults;
}

/** Whether something stands there that cannot be replaced by ours, only be taken away. */
export function foreignAt({ qdiscs, ingress, egress }: ShownLink): boolean {
  const foreignQueue = qdiscs.some(
    ({ kind, handle, parent, root, options }) =>
      handle !== "0:" &&
      kind !== "ingress" &&
      (root === true
        ? kind !== "htb" || handle !== "1:" || options?.default !== "0x20"
        : kind !== "tbf" || parent?.startsWith("1:") !== true),
  );
  const foreignFilter =
    ingress.some(
      ({ preference, what }) => !what.startsWith(["", "bpf ", "redirect "][preference] ?? "no "),
    ) || egress.some(({ preference, what }) => preference !== 1 || !what.startsWith("bpf "));
  return foreignQueue || foreignFilter || several(ingress) || several(egress);
}

function several(filters: readonly ShownFilter[]): boolean {
  return new Set(filters.map(({ preference }) => preference)).size < filters.length;
}

function same(wanted: readonly ShownFilter[], shown: readonly ShownFilter[]): boolean {
  return (
    wanted.length === shown.length &&
    wanted.every(({ preference, what }) =>
      shown.some((found) => found.preference === preference && found.what === what),
    )
  );
}

/** tc rounds what it prints by less than a thousandth. */
function near(shown: number, wanted: number): boolean {
  return Math.abs(shown - wanted) <= wanted / 500;
}
