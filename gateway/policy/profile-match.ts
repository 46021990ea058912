/** Whether a session is one of those that a profile is for. */
import type { AddressFacts, Profile, SessionFacts } from "../model/policy.ts";
import { compileMatcher } from "./matcher.ts";
import { compileRanges } from "./ranges.ts";
import { parseAddress } from "./source.ts";
import { compileHours } from "./time-of-week.ts";

export type Condition = keyof Profile["match"];

type Holds = (facts: SessionFacts, addresses: AddressFacts) => boolean;

/** The conditions that do not hold, in the schema's order. Empty: the profile matches. */
export function unmet(profile: Profile, facts: SessionFacts, addresses: AddressFacts): Condition[] {
  return conditionsOf(profile).flatMap(([condition, holds]) => (holds(facts, addresses) ? [] : [condition]));
}

export function isMatch(profile: Profile, facts: SessionFacts, addresses: AddressFacts): boolean {
  return conditionsOf(profile).every(([, holds]) => holds(facts, addresses));
}

/** Policies are frozen, and so are their profiles. */
const compiled = new WeakMap<Profile, readonly (readonly [Condition, Holds])[]>();

function conditionsOf(profile: Profile): readonly (readonly [Condition, Holds])[] {
  let conditions = compiled.get(profile);
  if (conditions === undefined) {
    conditions = [...compile(profile.match)];
    compiled.set(profile, conditions);
  }
  return conditions;
}

function* compile(match: Profile["match"]): Generator<readonly [Condition, Holds]> {
  const { source, sourceFile, country, as, listener, user, time } = match;
  if (source !== undefined) {
    const holds = compileRanges(source);
    yield ["source", ({ address }) => holds(address)];
  }
  if (sourceFile !== undefined)
    yield ["sourceFile", ({ address }, { isListed }) => isListed(sourceFile, address)];
  if (country !== undefined) {
    const countries = new Set<string | undefined>([country].flat());
    yield ["country", ({ address }, addresses) => countries.has(addresses.country(address))];
  }
  if (as !== undefined) {
    const systems = new Set<number | undefined>([as].flat());
    yield ["as", ({ address }, addresses) => systems.has(addresses.as(address))];
  }
  if (listener !== undefined) {
    const listeners = [listener].flat();
    yield ["listener", (facts) => listeners.some((one) => isAt(one, facts.listener))];
  }
  if (user !== undefined) {
    const holds = compileMatcher(user);
    yield ["user", (facts) => facts.user !== undefined && holds(facts.user)];
  }
  if (time !== undefined) {
    const holds = compileHours(time);
    yield ["time", ({ at }) => holds(at)];
  }
}

type Listener = Extract<NonNullable<Profile["match"]["listener"]>, { readonly port: number }>;

function isAt({ address, port }: Listener, listener: SessionFacts["listener"]): boolean {
  if (port !== listener.port) return false;
  if (address === undefined) return true;
  return parseAddress(address).toString() === parseAddress(listener.address).toString();
}
