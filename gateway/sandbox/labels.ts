import type { SandboxId } from "../model/ids.ts";

/**
 * Names and labels of a slot in the engine; the kernel's are in model/slot.ts. Who holds a slot may remove all that
 * carries its label.
 */
export function networkName(slot: number): string {
  return `mitsubako-${slot}`;
}

export function containerName(slot: number, id: SandboxId): string {
  return `mbk${slot}-${id}`;
}

export function networkLabels(slot: number): Record<string, string> {
  return { mitsubako: "1", "mitsubako.slot": String(slot) };
}

export function sandboxLabels(slot: number, id: SandboxId): Record<string, string> {
  return { ...networkLabels(slot), "mitsubako.sandbox": id };
}

/** A filter for the engine's lists. */
export function slotFilter(slot: number): { label: string[] } {
  return { label: ["mitsubako=1", `mitsubako.slot=${slot}`] };
}
