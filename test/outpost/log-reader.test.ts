import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import type { NetworkFact } from "../../gateway/model/network-facts.ts";
import { encodeQuestion } from "../../gateway/outpost/dns-message.ts";
import { Flows, type LedAway } from "../../gateway/outpost/flows.ts";
import { LogReader } from "../../gateway/outpost/log-reader.ts";
import { SandboxNetwork } from "../../gateway/outpost/sandbox-network.ts";
import type { Who } from "../../gateway/outpost/teller.ts";
import { parseOutpostMessage } from "../../gateway/warden/outpost-messages.ts";
import { ipv4, ipv6, logEntry, pcapHeader, pcapPacket, type Packet } from "./log-entries.ts";

const BOX = "10.213.0.2";
const OUTPOST = "10.213.15.254";
const MAC = "52:54:00:ab:cd:ef";
const TCP = 6;
const UDP = 17;

interface Told {
  readonly fact: NetworkFact;
  readonly who: Who;
}

function reader(): { log: LogReader; told: Told[]; never: LedAway[]; flows: Flows } {
  const told: Told[] = [];
  const never: LedAway[] = [];
  const flows = new Flows((flow) => never.push(flow));
  const network = new SandboxNetwork("10.213.0.0/20");
  const log = new LogReader({
    network: () => network,
    address: () => OUTPOST,
    flows,
    tell: (fact, who) => told.push({ fact, who }),
  });
  return { log, told, never, flows };
}

function read(...entries: Buffer[]): Told[] {
  const { log, told } = reader();
  assert.ok(log.take(Buffer.concat([pcapHeader(), ...entries.map((entry) => pcapPacket(entry))])));
  return told;
}

const packet = (rule: string, of: Packet, mac?: string) => logEntry(`mbk:${rule}`, ipv4(of), mac);

describe("netfilter's log, as tcpdump writes it", () => {
  it("two packets as a kernel logged them (Linux 6.18, tcpdump 4.99.3), with other addresses", () => {
    const stream =
      "d4c3b2a1020004000000000000000000 00010000ef00000075d2066b99310100 580000005800000002004d0d08000100" +
      "080003000e000a006d626b3a66656e63 65000000080005000000000108000b00 0000000008000e000000000023000900" +
      "4500001f4f2440004011ed9f0ad50002 0b0000099539006300 0bfe2668690a0075d2066bbf310100740000007400 0000" +
      "02004d0d080001000800030 00e000a006d626b3a66656e6365000000 080005000000000108000b000000000008000e00" +
      "0000000040000900 4500003cfccc400040063fe50ad50002 0b000009b0d400505ee5ddb600000000 a002ffd7fe380000" +
      "0204ffd70402080aaae9070200000000 0103030a";
    const { log, told } = reader();
    assert.ok(log.take(Buffer.from(stream.replaceAll(" ", ""), "hex")));
    assert.deepEqual(
      told.map(({ fact }) => fact),
      [
        { ...FENCE, protocol: "udp", from: 38201, to: { address: "11.0.0.9", port: 99 } },
        { ...FENCE, protocol: "tcp", from: 45268, to: { address: "11.0.0.9", port: 80 } },
      ],
    );
    assert.deepEqual(told[0]?.who, { sandbox: BOX, mac: undefined });
  });

  it("says who, where to, by what, and which rule", () => {
    const [tcp, icmp, gre] = read(
      packet("egress", { from: BOX, to: "1.2.3.4", protocol: TCP, ports: [40000, 443] }, MAC),
      packet("rate", { from: BOX, to: "1.2.3.4", protocol: 1 }),
      packet("egress", { from: BOX, to: "1.2.3.4", protocol: 47 }),
    );
    assert.deepEqual(tcp, {
      fact: {
        ...FENCE,
        rule: "egress",
        protocol: "tcp",
        from: 40000,
        to: { address: "1.2.3.4", port: 443 },
      },
      who: { sandbox: BOX, mac: MAC },
    });
    assert.deepEqual(icmp?.fact, {
      ...FENCE,
      rule: "rate",
      protocol: "icmp",
      from: 0,
      to: { address: "1.2.3.4", port: 0 },
    });
    assert.deepEqual(gre?.fact, {
      ...FENCE,
      rule: "egress",
      protocol: "other",
      number: 47,
      from: 0,
      to: { address: "1.2.3.4", port: 0 },
    });
  });

  it("a cap is seen from the sandbox in both directions; all other rules are about the sender", () => {
    const down: Packet = { from: "1.2.3.4", to: BOX, protocol: TCP, ports: [443, 40000] };
    const [cap, other] = read(packet("cap", down, MAC), packet("egress", down, MAC));
    assert.deepEqual(cap, {
      fact: {
        ...FENCE,
        rule: "cap",
        protocol: "tcp",
        from: 40000,
        to: { address: "1.2.3.4", port: 443 },
      },
      who: { sandbox: BOX, mac: undefined },
    });
    assert.equal(other?.who.sandbox, undefined);
  });

  it("a spoofed source is nobody's, were it another sandbox's", () => {
    const [fact] = read(
      packet("spoofed", { from: "10.213.0.3", to: "1.2.3.4", protocol: UDP, ports: [1, 2] }, MAC),
    );
    assert.deepEqual(fact?.who, { sandbox: undefined, mac: MAC });
  });

  it("addresses of the subnet that no sandbox can have are no sandbox's", () => {
    const who = ["10.213.0.0", "10.213.0.1", "10.213.15.252", "10.213.15.255", "10.213.16.2"].map(
      (from) => read(packet("fence", { from, to: "1.2.3.4", protocol: 1 }))[0]?.who.sandbox,
    );
    assert.deepEqual(who, [undefined, undefined, undefined, undefined, undefined]);
    assert.equal(
      read(packet("fence", { from: "10.213.15.251", to: "1.2.3.4", protocol: 1 }))[0]?.who.sandbox,
      "10.213.15.251",
    );
  });

  it("IPv6, with headers before the one that counts", () => {
    const of: Packet = {
      from: "fe800000000000005054fffffeabcdef",
      to: "20010db8000000000000000000000053",
      protocol: UDP,
      ports: [5000, 53],
    };
    const hopByHop = Buffer.from([UDP, 0, 1, 4, 0, 0, 0, 0]);
    for (const told of read(
      logEntry("mbk:ipv6", ipv6(of), MAC),
      logEntry("mbk:ipv6", ipv6(of, hopByHop), MAC),
    ))
      assert.deepEqual(told, {
        fact: {
          ...FENCE,
          rule: "ipv6",
          protocol: "udp",
          from: 5000,
          to: { address: "2001:db8::53", port: 53 },
        },
        who: { sandbox: undefined, mac: MAC },
      });
  });

  it("a later fragment has no ports, and neither has a packet that is cut off before them", () => {
    const of: Packet = { from: BOX, to: "1.2.3.4", protocol: UDP, ports: [7, 9] };
    const told = read(
      packet("malformed", { ...of, fragmentOffset: 3 }),
      logEntry("mbk:malformed", ipv4(of).subarray(0, 22)),
    );
    assert.deepEqual(
      told.map(({ fact }) => [fact.from, fact.to.port]),
      [
        [0, 0],
        [0, 0],
      ],
    );
  });

  it("the name in a question that is denied is told", () => {
    const payload = encodeQuestion(1, Buffer.from("\x03c2x\x07Example\x03com\0", "latin1"), 1);
    const [fact] = read(
      packet("egress", { from: BOX, to: "8.8.8.8", protocol: UDP, ports: [5000, 53], payload }),
    );
    assert.equal(fact?.fact.name, "c2x.Example.com");
  });

  it("what was led to the outpost is told with the address that it was for", () => {
    const { log, told, flows } = reader();
    const at = (rule: string, of: Packet) => pcapPacket(packet(rule, of, MAC));
    log.take(
      Buffer.concat([
        pcapHeader(),
        at("sinkhole", { from: BOX, to: "1.2.3.4", protocol: TCP, ports: [40000, 443] }),
        at("cap", { from: BOX, to: OUTPOST, protocol: TCP, ports: [40000, 4000] }),
        at("cap", { from: OUTPOST, to: BOX, protocol: TCP, ports: [4000, 40000] }),
        at("cap", { from: OUTPOST, to: BOX, protocol: TCP, ports: [4000, 40001] }),
      ]),
    );
    assert.deepEqual(
      told.map(({ fact }) => fact.to),
      [
        { address: "1.2.3.4", port: 443 },
        { address: "1.2.3.4", port: 443 },
        { address: OUTPOST, port: 4000 },
      ],
    );
    assert.equal(flows.find(BOX, "tcp", 40000)?.mac, MAC);
  });

  it("lines of others, and rules that are none of ours, are left alone", () => {
    const payload = ipv4({ from: BOX, to: "1.2.3.4", protocol: 1 });
    const prefixes = ["", "fence", "ufw:fence", "mbk:", "mbk:toString", "mbk:fence2", "mbk:__proto__"];
    assert.deepEqual(read(...prefixes.map((prefix) => logEntry(prefix, payload))), []);
  });

  it("a stream of another kind, and a length that is none, are not read on", () => {
    for (const bad of [
      pcapHeader(1),
      Buffer.alloc(24),
      Buffer.concat([pcapHeader(), Buffer.alloc(16, 0xff)]),
    ]) {
      const { log, told } = reader();
      assert.equal(log.take(bad), false);
      assert.equal(
        log.take(
          Buffer.concat([
            pcapHeader(),
            pcapPacket(packet("fence", { from: BOX, to: "1.2.3.4", protocol: 1 })),
          ]),
        ),
        false,
      );
      assert.deepEqual(told, []);
    }
  });
});

describe("hostile bytes in the log", () => {
  const good = [
    packet("fence", { from: BOX, to: "1.2.3.4", protocol: TCP, ports: [1, 2] }, MAC),
    packet("egress", {
      from: BOX,
      to: "8.8.8.8",
      protocol: UDP,
      ports: [5000, 53],
      payload: encodeQuestion(1, Buffer.from("\x01a\x01b\0"), 1),
    }),
    logEntry(
      "mbk:ipv6",
      ipv6(
        { from: "f".repeat(32), to: "0".repeat(32), protocol: TCP, ports: [1, 2] },
        Buffer.from([TCP, 0, 0, 0, 0, 0, 0, 0]),
      ),
      MAC,
    ),
  ];

  it("never throw, and whatever is told passes the warden's check", () => {
    const random = randomBytes("hostile log");
    let told = 0;
    for (let round = 0; round < 30_000; round++) {
      const entry = Buffer.from(good[round % good.length] ?? Buffer.alloc(0));
      const cut = random(4) === 0 ? random(entry.length + 1) : entry.length;
      for (let flips = random(8); flips > 0; flips--) entry[random(entry.length)] = random(256);
      for (const { fact, who } of read(entry.subarray(0, cut))) {
        told++;
        assert.ok(
          parseOutpostMessage({ kind: "fact", sandbox: who.sandbox, mac: who.mac, fact }),
          JSON.stringify({ fact, who }),
        );
      }
    }
    assert.ok(told > 10_000, `only ${told} of the entries were still read`);
  });

  it("may be cut into pieces anywhere", () => {
    const stream = Buffer.concat([pcapHeader(), ...good.map((entry) => pcapPacket(entry))]);
    const { log: whole, told: expected } = reader();
    whole.take(stream);
    assert.equal(expected.length, 3);
    for (let size = 1; size < 60; size++) {
      const { log, told } = reader();
      for (let offset = 0; offset < stream.length; offset += size)
        log.take(stream.subarray(offset, offset + size));
      assert.deepEqual(told, expected);
    }
  });

  it("cost no memory: a hundred thousand packets from as many addresses", () => {
    const { log, told } = reader();
    log.take(pcapHeader());
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < 100_000; count++) {
      const from = `10.213.${(count >> 8) & 15}.${count & 255}`;
      log.take(
        pcapPacket(packet("sinkhole", { from, to: "1.2.3.4", protocol: TCP, ports: [count & 0xffff, 80] })),
      );
    }
    const grown = process.memoryUsage().heapUsed - before;
    // What cannot be a sandbox's is told as such; all others are kept as flows, 256 for each of 1,024 sandboxes at most.
    assert.ok(told.every(({ who }) => who.sandbox === undefined));
    assert.ok(grown < 100 * 2 ** 20, `${Math.round(grown / 2 ** 20)} MiB`);
  });
});

const FENCE = { kind: "network", rule: "fence", count: 1 } as const;

/** The same numbers at each run: below `limit`, or 0. */
function randomBytes(seed: string): (limit: number) => number {
  let block = createHash("sha256").update(seed).digest();
  let offset = 0;
  return (limit) => {
    if (offset + 4 > block.length) {
      block = createHash("sha256").update(block).digest();
      offset = 0;
    }
    offset += 4;
    return limit === 0 ? 0 : block.readUInt32LE(offset - 4) % limit;
  };
}
