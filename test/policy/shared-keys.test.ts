/** Two servers of one policy that would be known for one by their host keys. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policySchema } from "../../gateway/model/policy.ts";
import { profileFindings } from "../../gateway/policy/profile-findings.ts";

const found = (...personas: object[]) =>
  profileFindings(
    policySchema.parse({
      persona: { hostname: "srv01" },
      profiles: personas.map((persona, index) => ({
        name: `door-${index}`,
        match: { listener: 2000 + index },
        persona,
      })),
    }),
  ).map(({ path }) => path.join("."));

test("a door that names the keys of another server is found", () => {
  assert.deepEqual(found({ hostname: "a", keys: "k" }, { hostname: "b", keys: "k" }), [
    "profiles.1.persona.keys",
  ]);
  assert.deepEqual(found({ hostname: "a", keys: "k" }, { hostname: "a", keys: "k" }), []);
});

test("a door whose keys are made from its name is compared, too", () => {
  assert.deepEqual(found({ hostname: "build" }, { hostname: "Build" }), ["profiles.1.persona.hostname"]);
  assert.deepEqual(found({ hostname: "a", keys: "debian-12@build" }, { hostname: "build" }), [
    "profiles.1.persona.hostname",
  ]);
  assert.deepEqual(found({ hostname: "build" }, { hostname: "a", keys: "debian-12@build" }), [
    "profiles.1.persona.keys",
  ]);
  assert.deepEqual(
    found({ hostname: "a" }, { hostname: "b" }, { banner: "same server" }, { hostname: "a" }),
    [],
  );
});
