/** What the warden keeps of a persona for as long as it runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policySchema } from "../../gateway/model/policy.ts";
import type { Engine } from "../../gateway/sandbox/docker.ts";
import { findPersona } from "../../gateway/sandbox/image/find.ts";
import { packLearned } from "../../gateway/sandbox/image/learned.ts";
import { LEARNED_LABEL } from "../../gateway/sandbox/image/names.ts";
import { termsOf } from "../../gateway/warden/terms.ts";
import { DEBIAN_12 } from "../image/learned.ts";

test("a policy's banner comes with its terms and not with the persona, whose own stays", async () => {
  const image = {
    Config: { Labels: { [LEARNED_LABEL]: packLearned({ ...DEBIAN_12, banner: "Learned\n" }) } },
  };
  const engine = { call: () => Promise.resolve(image) } as unknown as Engine;
  const policy = policySchema.parse({ persona: { name: "debian-12", banner: "Mine\n" } });
  const persona = { ...(await findPersona(engine, policy.persona)), moduli: [] };
  assert.equal(persona.banner, "Learned\n");
  const machine = { id: "debian-12 debian-12", persona, keys: "debian-12", hostKeys: [] };
  assert.equal(termsOf({ policy }, { machine, hostname: "srv01" }).banner, "Mine\n");
});
