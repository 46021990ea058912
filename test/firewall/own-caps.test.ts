import assert from "node:assert/strict";
import { test } from "node:test";
import { requireCaps } from "../../gateway/firewall/own-caps.ts";
import { everyPolicy } from "../../gateway/policy/resolve.ts";
import { policyOf } from "../policy/policy-of.ts";

test("a profile's own byte caps are kept by nft; with iptables nothing starts that could not keep them", () => {
  const networks = (caps: string) =>
    everyPolicy(policyOf(`profiles: [{ name: a, match: { user: x }, network: { ${caps} } }]`)).map(
      ({ network }) => network,
    );
  const other = networks("caps: { up: 1k }");
  requireCaps("nft", other);
  assert.throws(() => {
    requireCaps("iptables", other);
  }, /iptables cannot give a profile byte caps of its own/);
  requireCaps("iptables", networks("egress: deny, caps: { up: 5 MiB }, bandwidth: { up: 1mbit }"));
});
