/** A policy with a profile laid over it, and where each of its values stands. Pure. */
import type { Policy, Profile } from "../model/policy.ts";
import type { Place, PolicyDocument } from "./document.ts";
import { deepFreeze } from "./frozen.ts";
import { layered } from "./layers.ts";
import type { PolicyPath, Problem } from "./problem.ts";

/**
 * One rule, that of `extends`: sections are merged key by key, all else is replaced; but a profile adds to the fences. The result has no
 * profiles.
 */
export function overlaid(policy: Policy, profile: Profile): Policy {
  const { auth, sandbox, deadlines, limits, network } = profile;
  return deepFreeze({
    ...policy,
    auth: over(policy.auth, auth),
    persona: personaOver(policy.persona, profile),
    sandbox: over(policy.sandbox, sandbox),
    deadlines: over(policy.deadlines, deadlines),
    limits: over(policy.limits, limits),
    network: {
      ...over(policy.network, network),
      ...(isShut(profile) ? { ports: [] } : {}),
      caps: over(policy.network.caps, network?.caps),
      bandwidth: over(policy.network.bandwidth, network?.bandwidth),
      rates: over(policy.network.rates, network?.rates),
      dns: over(policy.network.dns, network?.dns),
      fences: [...new Set([...policy.network.fences, ...(network?.fences ?? [])])],
    },
    profiles: [],
  });
}

/** `egress: deny` alone shuts what leaves altogether: the policy's own entries open nothing any more. */
function isShut({ network }: Profile): boolean {
  return network?.egress === "deny" && network.ports === undefined;
}

/** A server with a door and a name of its own has host keys of its own, unless the profile names some. */
function personaOver(own: Policy["persona"], profile: Profile): Policy["persona"] {
  const laid = over(own, profile.persona);
  if (!isDoor(profile) || laid.hostname === own.hostname || profile.persona?.keys !== undefined) return laid;
  return { ...laid, keys: `${laid.name}@${laid.hostname}`.toLowerCase() };
}

/** It is for certain listeners, and says what is shown there; where it asks for a user, that was shown before. */
export function isDoor({ match }: Profile): boolean {
  return match.listener !== undefined && match.user === undefined;
}

function over<Section extends object>(section: Section, part: object | undefined): Section {
  const given = Object.entries(part ?? {}).filter(([, value]) => value !== undefined);
  return { ...section, ...Object.fromEntries(given) };
}

/** A profile of a policy, with the policy that holds where it matches. */
export interface ProfiledPolicy {
  readonly name: string;
  /** Where the profile stands. */
  readonly at: Place;
  readonly policy: Policy;
  /** Places of `policy`: the profile's, where it says something, else the policy's own. */
  readonly document: PolicyDocument;
}

/** Every policy that can be in force for somebody, but for the policy itself. */
export function profiledPolicies(policy: Policy, document: PolicyDocument): ProfiledPolicy[] {
  return policy.profiles.map((profile, index) => ({
    name: profile.name,
    at: document.place(["profiles", index]),
    policy: overlaid(policy, profile),
    document: profileDocument(document, index, profile),
  }));
}

/** What is said of the policy with a profile laid over it, said of the profile. */
export function inProfile({ name, at }: Pick<ProfiledPolicy, "name" | "at">, problem: Problem): Problem {
  return {
    ...problem,
    message: `in profile ${JSON.stringify(name)} (line ${at.line}): ${problem.message}`,
  };
}

/** The policy's document seen with one of its profiles laid over it. */
export function profileDocument(document: PolicyDocument, index: number, profile: Profile): PolicyDocument {
  const takesPorts = isShut(profile);
  const inProfile = (path: PolicyPath): PolicyPath => {
    const isPorts = path[0] === "network" && path[1] === "ports";
    return isPorts && takesPorts ? ["profiles", index, "network", "egress"] : ["profiles", index, ...path];
  };
  return layered([
    {
      value: undefined,
      problems: [],
      isReadable: document.isReadable,
      place: (path) => document.place(inProfile(path)),
      keyPlace: (path) => document.keyPlace(inProfile(path)),
      source: (path) => document.source(inProfile(path)),
      // Its name and what it matches are no part of a policy.
      kind: (path) =>
        path[0] === "name" || path[0] === "match" ? undefined : document.kind(inProfile(path)),
    },
    document,
  ]);
}
