import type { StixId } from "./ids.ts";

/** Any object of a bundle: what all have, and what its type has besides. */
export interface StixObject {
  readonly type: string;
  readonly id: StixId;
  readonly spec_version: "2.1";
  readonly [property: string]: unknown;
}

/** What objects have that somebody made: everything but observables and markings. */
export interface Made {
  readonly created_by_ref: StixId;
  readonly created: string;
  readonly modified: string;
  readonly object_marking_refs?: readonly StixId[];
}
