import { randomInt } from "node:crypto";
import type { Modulus } from "../../../model/persona.ts";
import { namedGroup } from "./dh-group.ts";
import type { DhGroup } from "./dh-key.ts";

/** OpenSSH's DH_GRP_MIN and DH_GRP_MAX (dh.h), bits. */
export const LEAST_BITS = 2048;
export const MOST_BITS = 8192;

/** As OpenSSH's `choose_dh`: at random among those of one size, which is the least above what is wanted, or else the largest. All in bits. */
export function chooseGroup(
  moduli: readonly Modulus[],
  { least, wanted, most }: { readonly least: number; readonly wanted: number; readonly most: number },
): DhGroup {
  let best = 0;
  const possible = moduli.filter(({ bits }) => bits >= least && bits <= most);
  for (const { bits } of possible)
    if ((bits > wanted && bits < best) || (bits > best && best < wanted)) best = bits;
  const equal = possible.filter(({ bits }) => bits === best);
  const chosen = equal[equal.length === 0 ? 0 : randomInt(equal.length)];
  if (!chosen) return fallback(most);
  return {
    prime: Buffer.from(chosen.prime, "hex"),
    generator: Buffer.from([chosen.generator]),
  };
}

/** What sshd uses where its file has none that fits. */
function fallback(most: number): DhGroup {
  if (most < 3072) return namedGroup("modp14");
  return namedGroup(most < 6144 ? "modp16" : "modp18");
}
