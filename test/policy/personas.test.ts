/** Personas of listeners: which host keys each shows, what is refused, and how many machines a policy means. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keysOf, machineId } from "../../gateway/model/persona.ts";
import type { SessionFacts } from "../../gateway/model/policy.ts";
import { parsePolicy } from "../../gateway/policy/load.ts";
import { resolve } from "../../gateway/policy/resolve.ts";
import { replayUnder } from "../../gateway/policy/try/replay.ts";
import { warnings } from "../../gateway/policy/warnings.ts";
import { bytes, came } from "./came.ts";
import { policyOf } from "./policy-of.ts";

function shownAt(yaml: string, more: Partial<SessionFacts>) {
  const result = parsePolicy(Buffer.from(yaml), "x.yaml");
  assert.ok("document" in result);
  const facts = { address: "203.0.113.7", listener: { address: "192.0.2.1", port: 22 }, at: 0, ...more };
  const { persona } = resolve(result.loaded, facts).policy;
  return [persona.name, persona.hostname, keysOf(persona)];
}

const at = (port: number) => ({ listener: { address: "192.0.2.1", port } });

describe("host keys of a persona", () => {
  const policy = `
persona: { hostname: web01 }
profiles:
  - { name: own, match: { listener: 2201 }, persona: { hostname: Build02 } }
  - { name: named, match: { listener: 2202 }, persona: { hostname: mail03, keys: mail } }
  - { name: newer, match: { listener: 2203 }, persona: { name: debian-13 } }
  - { name: same, match: { listener: 2204 }, persona: { hostname: web01 } }
  - { name: source, match: { source: 198.51.100.0/24 }, persona: { hostname: lab04 } }
  - { name: user, match: { listener: 22, user: guest }, persona: { hostname: guests05 } }
`;

  test("a listener's are its own as soon as its name is another; all others keep those that they had", () => {
    assert.deepEqual(shownAt(policy, {}), ["debian-12", "web01", "debian-12"]);
    assert.deepEqual(shownAt(policy, at(2201)), ["debian-12", "Build02", "debian-12@build02"]);
    assert.deepEqual(shownAt(policy, at(2202)), ["debian-12", "mail03", "mail"]);
    assert.deepEqual(shownAt(policy, at(2203)), ["debian-13", "web01", "debian-13"]);
    assert.deepEqual(shownAt(policy, at(2204)), ["debian-12", "web01", "debian-12"]);
    const lab = shownAt(policy, { address: "198.51.100.1" });
    assert.deepEqual(lab, ["debian-12", "lab04", "debian-12"], "it is the same door");
    const guest = shownAt(policy, { user: bytes("guest") });
    assert.deepEqual(guest, ["debian-12", "guests05", "debian-12"], "they were shown before");
  });

  test("a name that the policy gives itself is taken over, and an own one of a listener is not lost for it", () => {
    const named = policy.replace("hostname: web01", "hostname: web01, keys: web");
    assert.deepEqual(shownAt(named, {}), ["debian-12", "web01", "web"]);
    assert.deepEqual(shownAt(named, at(2201)), ["debian-12", "Build02", "debian-12@build02"]);
    assert.deepEqual(shownAt(named, at(2204)), ["debian-12", "web01", "web"]);
  });

  test("equal keys and image are one machine, and nothing else is", () => {
    const id = machineId({ name: "debian-12" });
    assert.equal(machineId({ name: "debian-12", keys: "debian-12" }), id);
    assert.notEqual(machineId({ name: "debian-12", keys: "debian-12@build02" }), id);
    assert.notEqual(machineId({ name: "debian-13", keys: "debian-12" }), id);
  });
});

test("what cannot be shown is refused with its line", () => {
  const found = (yaml: string) => {
    const result = parsePolicy(Buffer.from(yaml), "x.yaml");
    assert.ok("problems" in result);
    return result.problems.map(({ line, message }) => `${line} ${message}`);
  };
  const profile = (match: string, persona: string) =>
    `profiles:\n  - name: one\n    match: { ${match} }\n    persona:\n      ${persona}\n`;
  for (const late of ["name: debian-13", "keys: other"])
    assert.match(
      found(profile("user: a", late)).join("\n"),
      /^5 profiles\[0\]\.persona\.(name|keys) never applies: this profile asks for a user/,
    );
  for (const bad of ["outpost", "../ledger", "ledger.key", "Web", "-x", "a@", "@a"])
    assert.match(found(`persona:\n  keys: "${bad}"\n`).join("\n"), /^2 persona\.keys/, bad);
  const twin = profile("listener: 23", "hostname: other\n      keys: debian-12");
  assert.match(found(twin).join("\n"), /^6 .*the policy itself shows as another server/);
  const two = `${profile("listener: 23", "{ hostname: a, keys: k }")}  - { name: two, match: { listener: 24 }, persona: { hostname: b, keys: k } }\n`;
  assert.match(found(two).join("\n"), /^6 .*profile "one" shows as another server/);
});

test("spares of all personas together are compared with what there may be", () => {
  const result = parsePolicy(
    Buffer.from(
      "auth: { root: refuse }\nsandbox: { most: 5, spares: 2 }\nprofiles:\n  - { name: a, match: { listener: 1 }, persona: { hostname: a } }\n  - { name: b, match: { listener: 2 }, persona: { hostname: b } }\n",
    ),
    "x.yaml",
  );
  assert.ok("document" in result);
  const said = warnings(result.loaded.policy, result.document, {}).map(
    ({ line, message }) => `${line} ${message}`,
  );
  assert.match(
    said.join("\n"),
    /^2 sandbox\.spares is 2 for each of 3 personas, 6 together.*Write 1 at most$/,
  );
});

test("a profile that takes another server's door away is warned of", () => {
  const said = (order: readonly string[]) => {
    const result = parsePolicy(
      Buffer.from(["auth: { root: refuse }", "profiles:", ...order].join("\n")),
      "x.yaml",
    );
    assert.ok("document" in result);
    const found = warnings(result.loaded.policy, result.document, {});
    return found.map(({ line, message }) => `${line} ${message}`);
  };
  const lab = "  - { name: lab, match: { source: 192.0.2.0/24 }, deadlines: { idle: 1m } }";
  const user = "  - { name: user, match: { user: guest }, deadlines: { idle: 1m } }";
  const back = "  - { name: back, match: { listener: 23 }, persona: { hostname: back } }";
  const [only = "", ...more] = said([lab, user, back]);
  assert.match(only, /^3 profiles\[0\] stands before profile "back", which shows another server/);
  assert.deepEqual(more, []);
  assert.deepEqual(said([user, back, lab]), []);
});

test("policy try gives a source that comes to two servers a sandbox of each", () => {
  const doors = (persona: string) =>
    policyOf(`profiles: [{ name: back, match: { listener: 23 }, persona: { ${persona} } }]`);
  const visits = [22, 23, 22].map((port, index) => came({ at: index, tries: ["root a"], isIn: true, port }));
  const made = (policy: ReturnType<typeof doors>) => {
    const policyOfVisit = ({ address, listener }: (typeof visits)[number]) =>
      resolve(
        {
          policy,
          addresses: { isListed: () => false, country: () => undefined, as: () => undefined },
        },
        { address, listener, at: 0 },
      );
    return replayUnder(policy, visits, { fences: [], policyOf: policyOfVisit }).sandboxes.made;
  };
  assert.equal(made(doors("hostname: other")), 2);
  assert.equal(made(doors("banner: hello")), 1);
});
