/**
 * The one schema of a policy: types, `policy check`, the JSON Schema and the reference page all come from here.
 * Values are canonical after parsing: durations in milliseconds, sizes in bytes. A key stands here only when it is enforced.
 */
import { z } from "zod";
import type { ByteString } from "./bytes.ts";
import type { Endpoint } from "./endpoint.ts";
import { evidence, events, retention } from "./policy-keeping.ts";
import { network } from "./policy-network.ts";
import { geo, profile } from "./policy-profile.ts";
import { auth, deadlines, limits, persona, sandbox, source } from "./policy-sections.ts";
import { label, listenAddress } from "./policy-units.ts";

export const policySchema = z.strictObject({
  listen: z
    .array(listenAddress)
    .min(1)
    .max(64)
    .prefault(["0.0.0.0:2222"])
    .describe("Addresses and ports to listen on; `--listen` and MITSUBAKO_LISTEN replace them."),
  sensor: label(64).optional().describe("Name of this gateway in events; the machine's host name if absent."),
  persona: persona.prefault({}).describe("The server that we pretend to be."),
  source: source.prefault({}).describe("Who counts as one and the same stranger."),
  auth: auth.prefault({}).describe("Who is let in."),
  sandbox: sandbox.prefault({}).describe("The container that a source lands in, and what it may use."),
  deadlines: deadlines.prefault({}).describe("When a session ends at the latest."),
  limits: limits.prefault({}).describe("What the gateway itself takes on."),
  network: network.prefault({}).describe("What a sandbox may reach."),
  evidence: evidence.prefault({}).describe("What is kept of the files that changed in a sandbox."),
  events: events.prefault({}).describe("The event file that other tools read."),
  retention: retention
    .prefault({})
    .describe(
      "When recordings, with what lies beside them, and captured files are removed. Those of sandboxes that live are not.",
    ),
  geo: geo.prefault({}).describe("Databases that say where an address is, for profiles."),
  profiles: z
    .array(profile)
    .max(64)
    .default([])
    .describe(
      "Other values for some sessions. The first profile that matches is laid over the policy, section by section and key by key; no other one is.",
    ),
});

export type Policy = DeepReadonly<z.output<typeof policySchema>>;
export type AuthRule = Policy["auth"]["rules"][number];
export type Profile = Policy["profiles"][number];

/** A policy as it came from a file, with what recordings and logs say of it. */
export interface LoadedPolicy {
  readonly policy: Policy;
  readonly path: string;
  /** The file that it extends, the one that extends, and so on. */
  readonly bases: readonly string[];
  /** Other files that it names: lists of addresses, databases. */
  readonly files: readonly string[];
  /**
   * SHA-256, hexadecimal: of the file's bytes; where it extends or names others, of each file's SHA-256 and a newline, its own first, then
   * `bases`, then `files`.
   */
  readonly hash: string;
  readonly addresses: AddressFacts;
}

/** What the files beside a policy say of an address. */
export interface AddressFacts {
  /** Whether it is in the list that the policy names so. */
  readonly isListed: (file: string, address: string) => boolean;
  /** ISO 3166 code; undefined where it is not known. */
  readonly country: (address: string) => string | undefined;
  readonly as: (address: string) => number | undefined;
}

/** What a profile can go by. */
export interface SessionFacts {
  /** The attacker's IP address. */
  readonly address: string;
  /** Where they connected to. */
  readonly listener: Endpoint;
  /** When they did, in milliseconds since 1970. */
  readonly at: number;
  /** Of the attempt; absent before the first one. */
  readonly user?: ByteString;
}

type DeepReadonly<T> = T extends RegExp
  ? T
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
