/** What is wrong with profiles and the schema cannot say: what can never match, or comes too late. */
import type { Policy, Profile } from "../model/policy.ts";
import { keysOf } from "../model/persona.ts";
import { MatcherError, compileEntry } from "./matcher.ts";
import { isDoor, overlaid } from "./overlay.ts";
import type { PolicyPath } from "./problem.ts";

interface Finding {
  readonly path: PolicyPath;
  readonly message: string;
}

/** What has been said or done before the first attempt tells a user name. */
const BEFORE_THE_USER: readonly (readonly [string, ...string[]])[] = [
  ["auth", "methods"],
  ["auth", "maxTries"],
  ["persona", "name"],
  ["persona", "keys"],
  ["persona", "banner"],
  ["deadlines", "login"],
  ["limits"],
];

export function profileFindings(policy: Policy): Finding[] {
  const { profiles, geo } = policy;
  return profiles.flatMap((profile, index) => {
    const { match } = profile;
    const at = (...path: PolicyPath): PolicyPath => ["profiles", index, ...path];
    const missing = (key: "country" | "as"): Finding[] =>
      match[key] === undefined || geo[key] !== undefined
        ? []
        : [{ path: at("match", key), message: `needs a database: name one in geo.${key}` }];
    return [
      ...when(
        Object.values(match).every((condition) => condition === undefined),
        {
          path: at("match"),
          message:
            'has no condition. For everybody else, write `source: [0.0.0.0/0, "::/0"]` in the last profile',
        },
      ),
      ...repeated(profiles, index),
      ...missing("country"),
      ...missing("as"),
      ...when((match.time?.from === undefined) !== (match.time?.to === undefined), {
        path: at("match", "time"),
        message: "has one of from and to; write both, or neither for the whole day",
      }),
      ...when(match.time?.from !== undefined && match.time.from === match.time.to, {
        path: at("match", "time", "to"),
        message: "is the same as from; leave both out for the whole day",
      }),
      ...userMatcher(match.user, at("match", "user")),
      ...(match.user === undefined ? [] : tooLate(profile, index)),
      ...sharedKeys(policy, index),
    ];
  });
}

function repeated(profiles: readonly Profile[], index: number): Finding[] {
  const profile = profiles[index];
  const earlier = profiles.slice(0, index);
  const same = earlier.find(({ match }) => JSON.stringify(match) === JSON.stringify(profile?.match));
  return [
    ...when(
      earlier.some(({ name }) => name === profile?.name),
      {
        path: ["profiles", index, "name"],
        message: "is the name of an earlier profile; recordings could not tell the two apart",
      },
    ),
    ...when(same !== undefined, {
      path: ["profiles", index, "match"],
      message: `never matches first: profile ${JSON.stringify(same?.name)} asks for the same and comes before it`,
    }),
  ];
}

/** The user name is known at an attempt: what was decided before cannot go by it. */
function tooLate(profile: Profile, index: number): Finding[] {
  return BEFORE_THE_USER.flatMap((path) => {
    const value = path.reduce<unknown>(
      (section, key) =>
        typeof section === "object" && section !== null ? Reflect.get(section, key) : undefined,
      profile,
    );
    return when(value !== undefined, {
      path: ["profiles", index, ...path],
      message:
        "never applies: this profile asks for a user, and it is settled before one is known. Move it to a profile without match.user",
    });
  });
}

/** Of doors: two servers with the same host keys are known for one. */
function sharedKeys(policy: Policy, index: number): Finding[] {
  const profile = policy.profiles[index];
  if (profile === undefined || !isDoor(profile)) return [];
  const own = overlaid(policy, profile).persona;
  const isWritten = profile.persona?.keys !== undefined;
  // Neither written nor made from its name: they are the policy's, for the policy's own server.
  if (!isWritten && own.keys === policy.persona.keys) return [];
  const others = [
    { called: "the policy itself", persona: policy.persona },
    ...policy.profiles
      .slice(0, index)
      .flatMap((other) =>
        isDoor(other)
          ? [{ called: `profile ${JSON.stringify(other.name)}`, persona: overlaid(policy, other).persona }]
          : [],
      ),
  ];
  const twin = others.find(
    ({ persona }) =>
      keysOf(persona) === keysOf(own) && (persona.hostname !== own.hostname || persona.name !== own.name),
  );
  const called = twin?.called ?? "";
  return when(twin !== undefined, {
    path: ["profiles", index, "persona", isWritten ? "keys" : "hostname"],
    message: isWritten
      ? `names the host keys that ${called} shows as another server: the two would be known for one. Write another name, or leave it out`
      : `gives it host keys by the name ${JSON.stringify(own.keys)}, which ${called} shows as another server: the two would be known for one. Write another one, or name its keys`,
  });
}

function userMatcher(user: Profile["match"]["user"], path: PolicyPath): Finding[] {
  const entries = typeof user === "string" ? [user] : (user ?? []);
  return entries.flatMap((entry, index) => {
    try {
      compileEntry(entry);
      return [];
    } catch (error) {
      if (!(error instanceof MatcherError)) throw error;
      const at = typeof user === "string" ? path : [...path, index];
      return [{ path: at, message: `has to be ${error.message}` }];
    }
  });
}

function when(isSo: boolean, finding: Finding): Finding[] {
  return isSo ? [finding] : [];
}
