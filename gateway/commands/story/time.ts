/** When an observation was made, after the session's start; as wide as every other. */
export function time({ at }: { readonly at: bigint }): string {
  return `+${(Number(at) / 1e9).toFixed(3)} s`.padStart(12);
}
