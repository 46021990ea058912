import type { StixId } from "./ids.ts";
import type { StixObject } from "./stix-object.ts";

/** Whom a bundle may be shown to: the four markings of the specification (section 7.2.1.4), which are the same for everybody. */
const TLP = {
  white: "613f2e26-407d-48c7-9eca-b8e91df99dc9",
  green: "34098fce-860f-48ae-8e50-ebd3cc5e41da",
  amber: "f88d31f6-486f-44da-b317-01333bde0b82",
  red: "5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
} as const;
export type Tlp = keyof typeof TLP;
export const TLP_NAMES = Object.keys(TLP) as readonly Tlp[];

export function tlpMarking(tlp: Tlp): StixObject & { readonly id: StixId } {
  return {
    type: "marking-definition",
    spec_version: "2.1",
    id: `marking-definition--${TLP[tlp]}`,
    created: "2017-01-20T00:00:00.000Z",
    definition_type: "tlp",
    name: `TLP:${tlp.toUpperCase()}`,
    definition: { tlp },
  };
}
