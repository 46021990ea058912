import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseReport } from "../../gateway/commands/probe/inside.ts";
import { judge, nameOf, sightingOf, type Inside, type Outcome } from "../../gateway/commands/probe/judge.ts";
import { expectedOf, triesOf, type Kind, type Try } from "../../gateway/commands/probe/tries.ts";
import { egressOf } from "../../gateway/firewall/egress.ts";
import { fencePlan } from "../../gateway/firewall/plan.ts";
import { parseSubnet } from "../../gateway/firewall/subnet.ts";
import { policyOf } from "../policy/policy-of.ts";

const PLAN = fencePlan(3, parseSubnet("10.203.0.0/20"));
const HOST = {
  addresses: ["198.51.100.7"],
  networks: ["198.51.100.0/24", "172.17.0.0/16"],
  resolvers: ["198.51.100.254"],
};

function egressIn(network: string) {
  return egressOf(policyOf(`network: ${network}`).network, HOST);
}

function tries(network: string): Try[] {
  const egress = egressIn(network);
  return triesOf({
    plan: PLAN,
    egress,
    neighbour: "10.203.0.12",
    host: HOST,
    listens: [2222],
  });
}

describe("what is tried", () => {
  it("with deny, nothing is expected to come of anything", () => {
    const all = tries("{ egress: deny }");
    assert.deepEqual(new Set(all.map(({ expected }) => expected)), new Set(["nothing"]));
    const wanted: [Kind, string][] = [
      ["tcp", "203.0.113.80"],
      ["udp", "203.0.113.80"],
      ["icmp", "203.0.113.80"],
      ["tcp", "169.254.169.254"],
      ["tcp", "10.203.0.1"],
      ["tcp", "10.203.0.12"],
      ["tcp", "198.51.100.7"],
      ["tcp", "172.17.255.254"],
      ["udp6", "ff02::1"],
      ["unix", "/var/run/docker.sock"],
      ["vsock", "-"],
    ];
    for (const [kind, address] of wanted)
      assert.ok(
        all.some((each) => each.kind === kind && each.address === address),
        `${kind} ${address}`,
      );
  });

  it("nothing is tried twice, nor sent to the machine's resolvers", () => {
    for (const network of ["{ egress: deny }", "{ egress: limited }", "{ egress: sinkhole }"]) {
      const all = tries(network);
      const sightings = all.map((each) => `${each.kind} ${sightingOf(each)} ${each.port}`);
      assert.equal(new Set(sightings).size, all.length);
      assert.ok(!all.some(({ address }) => address === "198.51.100.254"));
    }
  });

  it("the Internet is an address that is nobody's, and not one of the machine's own network", () => {
    const host = { ...HOST, addresses: ["203.0.113.7"], networks: ["203.0.113.0/24"] };
    const egress = egressOf(policyOf("network: { egress: limited }").network, host);
    const all = triesOf({
      plan: PLAN,
      egress,
      neighbour: "10.203.0.12",
      host,
      listens: [],
    });
    const [web] = all.filter(({ kind, of }) => kind === "tcp" && of.startsWith("the Internet"));
    assert.equal(web?.address, "198.51.100.80");
  });

  it("what a small rate would refuse is left out, and what the policy names comes first", () => {
    const all = tries(
      '{ egress: limited, rates: { tcp: 2/hour, udp: 1/hour }, dns: { rate: 1/hour }, ports: [{ ports: "8443", egress: limited }] }',
    );
    const expecting = (wanted: string) => all.filter(({ expected }) => expected === wanted);
    assert.deepEqual(
      expecting("out").map(({ kind, port }) => `${kind} ${port}`),
      ["tcp 8443", "udp 123", "icmp 0"],
    );
    assert.equal(expecting("names").length, 1);
  });
});

describe("what the policy is expected to make of it", () => {
  const expected = (network: string, kind: Kind, address: string, port: number) =>
    expectedOf(PLAN, egressIn(network), { kind, address, port, of: "" });
  const WORLD = "203.0.113.80";

  for (const [network, kind, address, port, wanted] of [
    ["{ egress: deny }", "udp", WORLD, 53, "nothing"],
    ["{ egress: dns }", "udp", WORLD, 53, "names"],
    ["{ egress: dns }", "udp", "10.203.0.1", 53, "names"],
    ["{ egress: dns }", "tcp", WORLD, 80, "nothing"],
    ["{ egress: limited }", "tcp", WORLD, 80, "out"],
    ["{ egress: limited }", "tcp", WORLD, 22, "nothing"],
    ["{ egress: limited }", "tcp", "169.254.169.254", 80, "nothing"],
    ["{ egress: limited }", "tcp", "10.203.0.12", 80, "nothing"],
    ["{ egress: limited }", "tcp", "198.51.100.7", 80, "nothing"],
    ["{ egress: limited }", "udp", "224.0.0.251", 5353, "nothing"],
    ["{ egress: limited }", "tcp6", "2001:db8::50", 80, "nothing"],
    ['{ egress: limited, fences: ["203.0.113.0/24"] }', "tcp", WORLD, 80, "nothing"],
    ['{ egress: limited, openFences: ["169.254.169.254/32"] }', "tcp", "169.254.169.254", 80, "out"],
    ['{ egress: limited, openFences: ["198.51.100.0/24"] }', "tcp", "198.51.100.7", 80, "nothing"],
    ['{ egress: deny, ports: [{ ports: "80", egress: limited }] }', "tcp", WORLD, 80, "out"],
    ['{ egress: deny, ports: [{ ports: "80", egress: limited }] }', "udp", WORLD, 80, "nothing"],
    ['{ egress: deny, ports: [{ ports: "80", egress: limited }] }', "tcp", WORLD, 81, "nothing"],
    ["{ egress: sinkhole }", "tcp", WORLD, 25, "outpost"],
    ["{ egress: sinkhole }", "udp", WORLD, 53, "names"],
    ["{ egress: sinkhole }", "icmp", WORLD, 0, "outpost"],
    ["{ egress: sinkhole }", "tcp", "10.203.0.1", 22, "nothing"],
    ["{ egress: sinkhole }", "tcp", "10.203.15.254", 4000, "nothing"],
    ["{ egress: sinkhole }", "unix", "/var/run/docker.sock", 0, "nothing"],
  ] as const)
    it(`${network}: ${kind} ${address} ${port} → ${wanted}`, () => {
      assert.equal(expected(network, kind, address, port), wanted);
    });
});

describe("what is said of what was seen", () => {
  const WEB: Try = {
    kind: "tcp",
    address: "203.0.113.80",
    port: 80,
    of: "the Internet",
    expected: "nothing",
  };
  const SILENT: Outcome = { inside: { state: "silent", error: "" }, isSent: true, arrivals: [], asked: [] };
  const saw = (state: Inside["state"], error = "") => ({ inside: { state, error } });

  for (const [what, attempt, outcome, state, says] of [
    ["dropped", {}, {}, "good", /^dropped, as it should be$/],
    ["at the port", {}, { isSent: false }, "good", /^dropped at the sandbox's own port/],
    ["refused", {}, saw("refused", "ECONNREFUSED"), "good", /^refused \(ECONNREFUSED\)/],
    ["out", {}, { arrivals: ["out"] }, "bad", /would have left this machine.*held it back.*Run no gateway/],
    ["host", {}, { arrivals: ["host"] }, "bad", /came through to this machine/],
    ["neighbour", {}, { arrivals: ["neighbour"] }, "bad", /came through to another sandbox/],
    ["outpost", {}, { arrivals: ["outpost"] }, "bad", /led to the outpost, which the policy does not say/],
    ["answered from nowhere", {}, saw("answered"), "bad", /was answered, and the policy lets nobody answer/],
    ["out, two ways", {}, { arrivals: ["out", "host"] }, "bad", /left this machine.*came through to this/],
    ["not said", {}, { inside: undefined }, "warning", /could not be tried/],
    ["not said, but seen", {}, { inside: undefined, arrivals: ["out"] }, "bad", /would have left/],
    ["not sent", {}, saw("unsent", "ENETUNREACH"), "warning", /could not be tried \(ENETUNREACH\)/],
    ["a raw socket", { kind: "raw" }, saw("opened"), "bad", /was given one/],
    ["no raw socket", { kind: "raw" }, saw("unsent", "EPERM"), "good", /cannot be done.*EPERM/],
    ["the engine", { kind: "unix" }, saw("answered"), "bad", /was answered/],
    ["let out", { expected: "out" }, { arrivals: ["out"] }, "good", /^let out, as the policy says/],
    ["not let out", { expected: "out" }, {}, "bad", /lets it through, and nothing came of it/],
    ["let out elsewhere", { expected: "out" }, { arrivals: ["host"] }, "bad", /to this machine/],
    ["sinkholed", { expected: "outpost" }, { ...saw("answered"), arrivals: ["outpost"] }, "good", /answered/],
    ["sinkholed, mute", { expected: "outpost" }, { arrivals: ["outpost"] }, "bad", /was not answered/],
    ["sinkholed, out", { expected: "outpost" }, { arrivals: ["out"] }, "bad", /would have left/],
    [
      "UDP, sinkholed",
      { expected: "outpost", kind: "udp" },
      { arrivals: ["outpost"] },
      "good",
      /the outpost took it/,
    ],
    ["a name", { expected: "names" }, { ...saw("answered"), arrivals: ["outpost"] }, "good", /resolver ans/],
    [
      "a name, asked",
      { expected: "names" },
      { arrivals: ["outpost"], asked: ["192.0.2.53"] },
      "good",
      /asked 192\.0\.2\.53; the probe held that back/,
    ],
    ["a name, lost", { expected: "names" }, { arrivals: ["outpost"] }, "bad", /was not answered/],
    ["a name, out", { expected: "names" }, { arrivals: ["out"] }, "bad", /would have left/],
  ] satisfies [string, Partial<Try>, Partial<Outcome>, string, RegExp][])
    it(what, async () => {
      const finding = await judge({ ...WEB, ...attempt }, { ...SILENT, ...outcome });
      assert.equal(finding.state, state, finding.says);
      assert.match(finding.says, says);
    });

  it("each kind has a name, and what a witness would note of it", () => {
    assert.equal(nameOf(WEB), "TCP port 80 of the Internet");
    assert.equal(sightingOf(WEB), "203.0.113.80 6 80");
    assert.equal(sightingOf({ ...WEB, kind: "icmp", port: 0 }), "203.0.113.80 1");
    assert.equal(sightingOf({ ...WEB, kind: "udp6", address: "ff02::1" }), "ff02::1 17");
  });
});

describe("what the program inside says", () => {
  it("is read in any order, one word for each try", () => {
    const printed = "2\tsilent\t\n0\trefused\tECONNREFUSED\n0\tanswered\t\n1\tunsent\terror 512\n";
    assert.deepEqual(parseReport(printed, 4), [
      { state: "refused", error: "ECONNREFUSED" },
      { state: "unsent", error: "error 512" },
      { state: "silent", error: "" },
      undefined,
    ]);
  });

  it("counts for nothing where it is something else", () => {
    for (const printed of ["", "0\tfine\t\n", "0\trefused\t\x1b[2J\n", "x\tsilent\t\n", "0 silent\n"])
      assert.deepEqual(parseReport(printed, 1), [undefined]);
  });
});
