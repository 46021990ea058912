import type { SandboxId } from "../model/ids.ts";

/**
 * Names and labels of a slot in the engine; the kernel's are in model/slot.ts. Who holds a slot may remove all that
 * carries its label. Names do not say who we are: the engine's own name server tells them to whoever asks inside
 * (`getent hosts 10.203.0.11` gives `ip-10-203-0-11.zone3.internal`).
 */
export function networkName(slot: number): string {
  return `zone${slot}.internal`;
}

export function containerName(address: string): string {
  return `ip-${address.replaceAll(".", "-")}`;
}

/** The address that `containerName` was made from; the engine puts a slash before names. */
export function addressInName(name: string): string {
  return name.replace(/^\/?ip-/, "").replaceAll("-", ".");
}

export function networkLabels(slot: number): Record<string, string> {
  return { mitsubako: "1", "mitsubako.slot": String(slot) };
}

export function sandboxLabels(slot: number, id: SandboxId): Record<string, string> {
  return { ...networkLabels(slot), "mitsubako.sandbox": id };
}

/** The id that `sandboxLabels` was given. */
export function sandboxIn(labels: Readonly<Record<string, string>>): string | undefined {
  return labels["mitsubako.sandbox"];
}

/** A filter for the engine's lists. */
export function slotFilter(slot: number): { label: string[] } {
  return { label: ["mitsubako=1", `mitsubako.slot=${slot}`] };
}
