/** Profiles: whom they are for, what they change, and what is said of wrong ones. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fromByteString, toByteString } from "../../gateway/model/bytes.ts";
import type { SessionFacts } from "../../gateway/model/policy.ts";
import { showChange } from "../../gateway/policy/changes.ts";
import { decide } from "../../gateway/policy/decide.ts";
import { explainSession } from "../../gateway/policy/explain-session.ts";
import { loadPlaced, loadPolicy, parsePolicy } from "../../gateway/policy/load.ts";
import type { PlacedPolicy } from "../../gateway/policy/load.ts";
import { PolicyError } from "../../gateway/policy/problem.ts";
import { resolve } from "../../gateway/policy/resolve.ts";
import { warnings } from "../../gateway/policy/warnings.ts";
import { compileHours } from "../../gateway/policy/time-of-week.ts";
import { PolicyWatch } from "../../gateway/policy/watch.ts";
import { mmdb } from "./mmdb.ts";
import { Random } from "./random.ts";

const bytes = (text: string) => toByteString(Buffer.from(text));
const LISTENER = { address: "192.0.2.1", port: 22 };
const NOON = Date.UTC(2026, 10, 25, 12); // a Wednesday

function placed(yaml: string): PlacedPolicy {
  const result = parsePolicy(Buffer.from(yaml), "x.yaml");
  if ("problems" in result) throw new PolicyError(result.problems);
  return result;
}

function facts(more: Partial<SessionFacts> = {}): SessionFacts {
  return { address: "203.0.113.7", listener: LISTENER, at: NOON, ...more };
}

describe("the first profile that matches is laid over the policy", () => {
  const { loaded } = placed(`
auth: { rules: [{ user: a, verdict: accept }], maxTries: 3 }
network: { egress: limited, ports: [{ ports: 80, egress: limited }], caps: { up: 1 MiB, down: 2 MiB } }
profiles:
  - { name: one, match: { source: 203.0.113.0/24, user: root }, deadlines: { idle: 5s } }
  - { name: two, match: { source: 203.0.113.0/24 }, auth: { rules: [] }, network: { egress: deny, caps: { up: 3 MiB } } }
  - { name: three, match: { listener: 22 }, sandbox: { memory: 64m } }
`);

  test("before a user is known, one that asks for a user does not", () => {
    assert.equal(resolve(loaded, facts()).profile, "two");
    assert.equal(resolve(loaded, facts({ user: bytes("root") })).profile, "one");
    assert.equal(resolve(loaded, facts({ user: bytes("pi") })).profile, "two");
    assert.equal(resolve(loaded, facts({ address: "198.51.100.1" })).profile, "three");
    const nobody = facts({ address: "198.51.100.1", listener: { ...LISTENER, port: 23 } });
    assert.deepEqual(resolve(loaded, nobody), { policy: loaded.policy });
  });

  test("sections key by key, all else as a whole; no other profile has a say; what leaves is shut altogether", () => {
    const { policy } = resolve(loaded, facts());
    assert.deepEqual([policy.auth.rules, policy.auth.maxTries], [[], 3]);
    assert.deepEqual(policy.network.caps, { up: 3 * 2 ** 20, down: 2 * 2 ** 20, per: "life" });
    assert.deepEqual([policy.network.egress, policy.network.ports], ["deny", []]);
    assert.equal(policy.sandbox.memory, loaded.policy.sandbox.memory);
    assert.ok(Object.isFrozen(policy) && Object.isFrozen(policy.network.caps));
    assert.equal(resolve(loaded, facts()).policy, policy, "the same each time");
  });
});

describe("the way out under a profile", () => {
  const networkOf = (yaml: string) => {
    const { loaded } = placed(yaml);
    return resolve(loaded, facts()).policy.network;
  };
  const with80 = (network: string) => `
network: { egress: deny, ports: [{ ports: 80, egress: limited }], fences: [192.0.2.10], rates: { tcp: 20/hour, udp: 3/hour } }
profiles: [{ name: one, match: { source: 0.0.0.0/0 }, network: ${network} }]
`;

  test("adds fences, merges rates, and replaces lists", () => {
    const network = networkOf(
      with80(
        "{ egress: limited, rates: { tcp: 5/hour }, connections: 2, fences: [192.0.2.20], openFences: [10.9.0.0/16], dns: { rate: 9/minute } }",
      ),
    );
    assert.deepEqual(network.fences, ["192.0.2.10", "192.0.2.20"]);
    assert.deepEqual(network.rates.tcp, { count: 5, per: "hour" });
    assert.deepEqual(network.rates.udp, { count: 3, per: "hour" });
    assert.deepEqual([network.egress, network.connections, network.ports.length], ["limited", 2, 1]);
    assert.deepEqual([network.openFences, network.dns.rate.count], [["10.9.0.0/16"], 9]);
    assert.deepEqual(networkOf(with80("{ egress: limited, ports: [] }")).ports, []);
  });

  test("deny alone takes the policy's entries away; with entries of its own these hold", () => {
    assert.deepEqual(networkOf(with80("{ egress: deny }")).ports, []);
    const own = networkOf(with80("{ egress: deny, ports: [{ ports: 443, egress: limited }] }"));
    assert.deepEqual(
      own.ports.map(({ ports }) => ports),
      [[[443, 443]]],
    );
  });

  test("no profile takes a fence away, opens what the policy has closed, or lets bots' ports out", () => {
    for (const [network, message] of [
      ["{ openFences: [192.0.2.0/24] }", /openFences\[0\] opens what network\.fences has closed/],
      ["{ ports: [{ ports: 25, egress: limited }] }", /holds 25, which bots use/],
    ] as const)
      assert.throws(() => placed(with80(network)), { message });
  });

  test("that the policy's entries still let something out beside `sinkhole` is warned of", () => {
    const said = (network: string) => {
      const { loaded, document } = placed(with80(network));
      return warnings(loaded.policy, document, {}).filter(({ message }) =>
        message.includes("still lets out"),
      );
    };
    const [warning, ...others] = said("{ egress: sinkhole }");
    assert.match(
      warning?.message ?? "",
      /^profiles\[0\]\.network\.egress is sinkhole, and network\.ports\[0\]/,
    );
    assert.equal(warning?.line, 3);
    assert.deepEqual(others, []);
    assert.deepEqual(said("{ egress: sinkhole, ports: [] }"), []);
    assert.deepEqual(said("{ egress: limited }"), []);
  });
});

describe("hours", () => {
  const at = (text: string) => Date.parse(text);

  test("over midnight, they belong to the day on which they begin", () => {
    const isIn = compileHours({ from: "22:00", to: "06:00", days: ["fri"], zone: "UTC" });
    assert.equal(isIn(at("2026-11-27T21:59:59Z")), false);
    assert.equal(isIn(at("2026-11-27T22:00:00Z")), true);
    assert.equal(isIn(at("2026-11-28T05:59:59Z")), true);
    assert.equal(isIn(at("2026-11-28T06:00:00Z")), false);
    assert.equal(isIn(at("2026-11-28T22:00:00Z")), false, "that is Saturday's");
    assert.equal(isIn(at("2026-11-27T05:00:00Z")), false, "that is Thursday's");
  });

  test("by the clock of the zone, summer and winter", () => {
    const isIn = compileHours({ from: "08:00", to: "09:00", zone: "Europe/Berlin" });
    assert.equal(isIn(at("2026-07-01T06:30Z")), true);
    assert.equal(isIn(at("2026-12-01T06:30Z")), false);
    assert.equal(isIn(at("2026-12-01T07:30Z")), true);
  });

  test("whole days, and until midnight", () => {
    const weekend = compileHours({ days: ["sat", "sun"], zone: "Asia/Tokyo" });
    assert.equal(weekend(at("2026-11-27T15:00Z")), true, "Saturday has begun in Tokyo");
    assert.equal(weekend(at("2026-11-27T14:59Z")), false);
    const evening = compileHours({ from: "18:00", to: "00:00", zone: "UTC" });
    assert.deepEqual(
      ["17:59", "18:00", "23:59", "00:00"].map((time) => evening(at(`2026-11-27T${time}Z`))),
      [false, true, true, false],
    );
  });
});

test(
  "which profile matches, as another program finds it, on 10,000 random sessions; and explain agrees with decide",
  { timeout: 120_000 },
  () => {
    const addresses = [
      "203.0.113.7",
      "::ffff:203.0.113.9",
      "198.51.100.1",
      "2001:db8::5",
      "2001:db9::5",
    ] as const;
    const ranges = ["203.0.113.0/24", "198.51.100.1", "2001:db8::/32", "0.0.0.0/0", "::/0"] as const;
    const isIn = (address: string, range: string): boolean => {
      const plain = address.replace("::ffff:", "");
      if (range === "0.0.0.0/0") return !plain.includes(":");
      if (range === "::/0") return plain.includes(":");
      return plain.startsWith(range.replace(/0\/24$/, "").replace(/::\/32$/, ":"));
    };
    const found = new Map<string, number>();
    for (let seed = 0; seed < 250; seed++) {
      const random = new Random(seed);
      const conditions = Array.from({ length: random.below(4) + 1 }, () => {
        const pick = <T>(make: () => T) => (random.next() < 0.5 ? make() : undefined);
        const given = {
          source: pick(() => random.pick(ranges)),
          listener: pick(() => random.pick([22, 2222])),
          user: pick(() => random.pick(["root", "adm*"])),
          hours: pick(() => [random.below(24), random.below(24)] as const),
        };
        return {
          ...given,
          source: given.source ?? ((given.listener ?? given.user ?? given.hours) ? undefined : "0.0.0.0/0"),
        };
      });
      const clock = (hour: number) => `"${String(hour).padStart(2, "0")}:00"`;
      const profiles = conditions.map(({ source, listener, user, hours }, index) => {
        const [from = 0, to = 0] = hours ?? [];
        const match = [
          ...(source === undefined ? [] : [`source: "${source}"`]),
          ...(listener === undefined ? [] : [`listener: ${listener}`]),
          ...(user === undefined ? [] : [`user: "${user}"`]),
          ...(hours === undefined || from === to
            ? []
            : [`time: {from: ${clock(from)}, to: ${clock(to)}, zone: Asia/Tokyo}`]),
        ];
        if (match.length === 0) match.push('source: "0.0.0.0/0"');
        const auth = `auth: {otherwise: ${random.pick(["accept", "reject"])}, root: ${random.pick(["allow", "refuse"])}}`;
        return `  - {name: p${index}, match: {${match.join(", ")}}, ${auth}}`;
      });
      // Two that ask for the same are a mistake, which is told elsewhere.
      const different = profiles.filter((profile, index) => {
        const match = /match: (.*), auth/.exec(profile)?.[1];
        return profiles.findIndex((other) => /match: (.*), auth/.exec(other)?.[1] === match) === index;
      });
      const policy = placed(`auth: {otherwise: reject}\nprofiles:\n${different.join("\n")}\n`);
      for (let i = 0; i < 40; i++) {
        const session = facts({
          address: random.pick(addresses),
          listener: { address: "192.0.2.1", port: random.pick([22, 2222]) },
          at: NOON + random.below(7 * 86_400) * 1000,
          user: bytes(random.pick(["root", "admin", "pi", "1"])),
        });
        const hour = new Date(session.at + 9 * 3_600_000).getUTCHours();
        const name = fromByteString(session.user ?? bytes("")).toString();
        const expected = conditions.findIndex(({ source, listener, user, hours }, index) => {
          if (!different.includes(profiles[index] ?? "")) return false;
          const [from = 0, to = 0] = hours ?? [];
          const isHour = from < to ? hour >= from && hour < to : from === to || hour >= from || hour < to;
          const nothing = source === undefined && listener === undefined && user === undefined && from === to;
          return (
            isIn(
              session.address,
              source ?? (nothing ? "0.0.0.0/0" : session.address.includes(".") ? "0.0.0.0/0" : "::/0"),
            ) &&
            (listener === undefined || listener === session.listener.port) &&
            (user === undefined || (user === "adm*" ? name.startsWith("adm") : name === user)) &&
            isHour
          );
        });
        const resolved = resolve(policy.loaded, session);
        assert.equal(
          resolved.profile,
          expected === -1 ? undefined : `p${expected}`,
          `seed ${seed}, session ${i}`,
        );
        const attempt = {
          address: session.address,
          user: session.user ?? bytes(""),
          password: bytes("x"),
          method: "password",
          earlier: 0,
        } as const;
        const explained = explainSession(policy, attempt, session);
        assert.equal(explained.profile, resolved.profile);
        assert.deepEqual(explained.verdict, decide(resolved.policy, attempt), `seed ${seed}, session ${i}`);
        assert.equal(explained.profiles.at(-1)?.isMatch ?? false, resolved.profile !== undefined);
        const key = `${resolved.profile ?? "none"} ${explained.verdict.outcome}`;
        found.set(key, (found.get(key) ?? 0) + 1);
      }
    }
    for (const key of ["none reject", "p0 accept", "p0 reject", "p1 accept", "p1 reject", "p2 accept"])
      assert.ok((found.get(key) ?? 0) > 50, `${key}: ${String(found.get(key))}`);
  },
);

test("explain says why the earlier ones do not match, and values have the line that they come from", () => {
  const policy = placed(`auth: {root: refuse}
profiles:
  - {name: a, match: {user: pi, listener: 23}}
  - {name: b, match: {user: root}, auth: {root: allow}}
  - {name: c, match: {listener: 22}}
`);
  const attempt = {
    address: "203.0.113.7",
    user: bytes("root"),
    password: bytes("x"),
    method: "password",
    earlier: 0,
  } as const;
  const { verdict, profiles, profile, values } = explainSession(policy, attempt, facts());
  assert.deepEqual([verdict.outcome, profile], ["accept", "b"]);
  assert.deepEqual(
    profiles.map(({ profile: name, because, at }) => [name, because, at.line]),
    [
      ["a", "its listener and user is another", 3],
      ["b", "all that it asks for is so", 4],
    ],
  );
  const root = values.find(({ path }) => path === "auth.root");
  assert.deepEqual([root?.value, root?.at?.line, root?.at?.column], ["allow", 4, 49]);
});

describe("mistakes are told with their place", () => {
  const told = (yaml: string) => {
    const result = parsePolicy(Buffer.from(yaml), "x.yaml");
    return "problems" in result
      ? result.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
      : [];
  };
  const one = (text: string) => told(`profiles:\n  - {name: a, ${text}}\n`).join("\n");

  for (const [what, text, expected] of [
    ["no condition", "match: {}", /^2:22 profiles\[0\]\.match has no condition/],
    [
      "a user for what is settled before",
      "match: {user: x}, deadlines: {login: 1m}",
      /2:52 .*never applies: this profile asks for a user/,
    ],
    ["a country without a database", "match: {country: DE}", /needs a database: name one in geo\.country/],
    ["a country in small letters", "match: {country: de}", /has to be a country's ISO 3166 code/],
    ["half of the hours", 'match: {time: {from: "10:00"}}', /has one of from and to/],
    ["no hours at all", 'match: {time: {from: "10:00", to: "10:00"}}', /is the same as from/],
    [
      "a zone that nobody has",
      "match: {time: {zone: Europe/Entenhausen}}",
      /has to be a time zone such as Europe\/Berlin/,
    ],
    [
      "an hour that is none",
      'match: {time: {from: "24:00", to: "25:00"}}',
      /has to be a time of day such as 08:30/,
    ],
    ["a listener that is none", "match: {listener: 70000}", /has to be a port such as 22/],
    [
      "what no profile can change",
      "match: {user: x}, sandbox: {most: 3}",
      /"most" is not a key of profiles\[0\]\.sandbox/,
    ],
    ["an expression", "match: {user: /(/}", /profiles\[0\]\.match\.user has to be a valid expression/],
    [
      "what contradicts the policy below",
      "match: {source: 192.0.2.1}, sandbox: {cpuPeriod: 5ms}",
      /in profile "a" \(line 2\): sandbox\.cpuPeriod has no effect/,
    ],
    [
      "a list that cannot be followed",
      "match: {sourceFile: l.txt}",
      /names "l\.txt", which cannot be followed/,
    ],
    ["a misspelt condition", "match: {sorce: 192.0.2.1}", /did you mean "source"/],
  ] as const)
    test(what, () => {
      assert.match(one(text), expected);
    });

  test("the same name, and the same conditions, twice", () => {
    const twice = told("profiles:\n  - {name: a, match: {user: x}}\n  - {name: a, match: {user: x}}\n").join(
      "\n",
    );
    assert.match(twice, /3:12 .*is the name of an earlier profile/);
    assert.match(twice, /3:22 .*never matches first: profile "a"/);
  });
});

describe("files that a policy names", () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), "mitsubako-geo-"))));
  after(() => rm(folder, { recursive: true }));
  const write = (name: string, content: string | Buffer) => writeFile(join(folder, name), content);
  const load = () => loadPolicy(join(folder, "p.yaml"));
  const profileOf = async (address: string) => resolve(await load(), facts({ address })).profile;

  const POLICY = `geo: {country: c.mmdb, as: a.mmdb}
profiles:
  - {name: listed, match: {sourceFile: l.txt}}
  - {name: near, match: {country: [DE, FR]}}
  - {name: carrier, match: {as: 64500}}
`;
  const country = (code: string) => ({ country: { iso_code: code } });
  const COUNTRIES = {
    "203.0.113.0/24": country("DE"),
    "2001:db8::/32": country("FR"),
    "198.51.100.0/25": country("US"),
  };

  test("lists and databases say where an address is; what they do not know matches nothing", async () => {
    await write("p.yaml", POLICY);
    await write(
      "l.txt",
      "\r\n# scanners\n192.0.2.7\n 203.0.113.64/26 # half of it\n::ffff:192.0.2.128/121\n",
    );
    await write("c.mmdb", mmdb(COUNTRIES));
    await write(
      "a.mmdb",
      mmdb({ "198.51.100.0/24": { autonomous_system_number: 64500 }, "100.64.0.0/10": { asn: "AS64500" } }),
    );
    for (const [address, profile] of [
      ["192.0.2.7", "listed"],
      ["203.0.113.65", "listed"],
      ["::ffff:192.0.2.200", "listed"],
      ["203.0.113.1", "near"],
      ["2001:db8::1", "near"],
      ["198.51.100.1", "carrier"],
      ["100.64.9.9", "carrier"],
      ["192.0.2.8", undefined],
      ["2001:db9::1", undefined],
    ] as const)
      assert.equal(await profileOf(address), profile, address);
  });

  test("another content is another hash, and is taken over; a bad one never replaces a good one", async () => {
    const loaded = await load();
    assert.deepEqual(
      loaded.files.map(({ path }) => path),
      ["c.mmdb", "a.mmdb", "l.txt"].map((name) => join(folder, name)),
    );
    await using watch = await PolicyWatch.start(loaded, { onUpdate: () => undefined });
    await write("c.mmdb", mmdb({ "192.0.2.0/24": country("FR") }));
    const taken = await watch.reload();
    assert.ok(taken.outcome === "changed");
    assert.notEqual(taken.loaded.hash, loaded.hash);
    assert.match(
      taken.changes.map(showChange).join("\n"),
      /^geo: ".*c\.mmdb, [0-9a-f]{12}" → ".*c\.mmdb, [0-9a-f]{12}"$/,
    );
    assert.equal(resolve(watch.loaded, facts({ address: "192.0.2.8" })).profile, "near");
    for (const broken of [Buffer.alloc(0), Buffer.from("no database"), mmdb(COUNTRIES).subarray(100)]) {
      await write("c.mmdb", broken);
      const update = await watch.reload();
      assert.ok(update.outcome === "refused");
      assert.match(
        update.error.message,
        /p\.yaml:1:16: geo\.country names "c\.mmdb", which is no MaxMind database: .*Get a database/,
      );
      assert.equal(resolve(watch.loaded, facts({ address: "192.0.2.8" })).profile, "near");
    }
    await rm(join(folder, "c.mmdb"));
    await assert.rejects(loadPlaced(join(folder, "p.yaml")), /which cannot be read: ENOENT/);
    await write("c.mmdb", mmdb(COUNTRIES));
  });

  test("a list's mistakes have file, line and column, and a list is bounded", async () => {
    await write("l.txt", "192.0.2.7\n  192.0.2.300 # what\nhello world\n");
    await assert.rejects(load(), (error) => {
      assert.ok(error instanceof PolicyError);
      const list = join(folder, "l.txt");
      assert.deepEqual(
        error.problems.map(({ file, line, column, found }) => [file, line, column, found]),
        [
          [list, 2, 3, '"192.0.2.300"'],
          [list, 3, 1, '"hello world"'],
        ],
      );
      assert.ok(error.files.includes(list), "which is watched, so that it can be put right");
      return true;
    });
    await write("l.txt", "x\n".repeat(3 * 2 ** 20));
    await assert.rejects(load(), /l\.txt", which cannot be read: it is over 4194304 bytes/);
    await write("l.txt", Buffer.from(new Random(1).bytes(100_000)));
    await assert.rejects(load(), PolicyError);
    await write(
      "l.txt",
      Array.from(
        { length: 200_000 },
        (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      ).join("\n"),
    );
    const loaded = await load();
    assert.equal(resolve(loaded, facts({ address: "10.3.13.63" })).profile, "listed");
    assert.equal(resolve(loaded, facts({ address: "10.3.13.64" })).profile, undefined);
  });
});
