import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { Resolver as Client } from "node:dns/promises";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NetworkFact } from "../../gateway/model/network-facts.ts";
import { DnsListener } from "../../gateway/outpost/dns-listener.ts";
import {
  encodeQuestion,
  parseAnswer,
  parseQuery,
  questionedName,
} from "../../gateway/outpost/dns-message.ts";
import { Flows } from "../../gateway/outpost/flows.ts";
import { InventedNames } from "../../gateway/outpost/invented-names.ts";
import { Resolver, type ResolverConfiguration } from "../../gateway/outpost/resolver.ts";
import { SandboxNetwork } from "../../gateway/outpost/sandbox-network.ts";
import { FENCES } from "../../gateway/firewall/egress.ts";
import { overlaps } from "../../gateway/firewall/subnet.ts";
import { freePort } from "../ssh/free-port.ts";

/** Loopback plays all of it: the sandboxes, the outpost, the machine's resolver. */
const BOX = "127.77.0.9";
const OUTPOST = "127.77.0.1";
const UPSTREAM = "127.77.0.2";
const DEAD = "127.77.0.3";
const [PORT, UPSTREAM_PORT] = [await freePort(), await freePort()];
/** For what happens in a moment where the machine is not busy; milliseconds. */
const PATIENCE = 60_000;

const wire = (name: string) =>
  Buffer.concat([
    ...name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.alloc(1),
  ]);

/** A world of few names, answered with the pointers that real resolvers use. */
class World {
  readonly #socket: Socket = createSocket("udp4");
  readonly asked: string[] = [];
  readonly ports = new Set<number>();
  readonly ids = new Set<number>();
  mode: "answer" | "forge" | "silent" | "fail" = "answer";

  async open(): Promise<void> {
    this.#socket.on("message", (message, { address, port }) => {
      const query = parseQuery(message);
      if (!query || !("name" in query)) return;
      const name = String(questionedName(message));
      this.asked.push(`${name} ${query.type}`);
      this.ports.add(port);
      this.ids.add(query.id);
      if (this.mode === "silent") return;
      const answer = this.#answer(query.id, query.question, name, query.type);
      if (this.mode === "forge") {
        // Each is almost right.
        for (const forged of this.#forgeries(answer, query.question))
          this.#socket.send(forged, port, address);
        const other = createSocket("udp4");
        other.bind(0, DEAD, () => {
          other.send(this.#answer(query.id, query.question, name, query.type, "6.6.6.6"), port, address, () =>
            other.close(),
          );
        });
        return;
      }
      this.#socket.send(answer, port, address);
    });
    await new Promise<void>((resolve) => {
      this.#socket.bind(UPSTREAM_PORT, UPSTREAM, resolve);
    });
  }

  close(): void {
    this.#socket.close();
  }

  *#forgeries(answer: Buffer, question: Buffer): Generator<Buffer> {
    const id = Buffer.from(answer);
    id.writeUInt16BE((answer.readUInt16BE(0) + 1) & 0xffff, 0);
    yield id;
    const name = Buffer.from(answer);
    name[13] = (name[13] ?? 0) ^ 1;
    yield name;
    const type = Buffer.from(answer);
    type[12 + question.length - 3] = 16;
    yield type;
    yield answer.subarray(0, 11);
    yield answer.subarray(0, 20);
  }

  #answer(id: number, question: Buffer, name: string, type: number, address = "93.184.216.34"): Buffer {
    const header = Buffer.alloc(12);
    header.writeUInt16BE(id, 0);
    header.writeUInt16BE(1, 4);
    const records: Buffer[] = [];
    const add = (recordType: number, data: Buffer, ttl = 60, owner = Buffer.from([0xc0, 12])) => {
      const fixed = Buffer.alloc(10);
      fixed.writeUInt16BE(recordType, 0);
      fixed.writeUInt16BE(1, 2);
      fixed.writeUInt32BE(ttl, 4);
      fixed.writeUInt16BE(data.length, 8);
      records.push(Buffer.concat([owner, fixed, data]));
    };
    const ip = Buffer.from(address.split(".").map(Number));
    let rcode = 0;
    if (this.mode === "fail") rcode = 2;
    else if (name === "missing.world") rcode = 3;
    else if (name === "alias.world" && type === 1) {
      // "target" and then a pointer to ".world" within the question.
      const target = Buffer.concat([Buffer.from("\x06target"), Buffer.from([0xc0, 12 + 6])]);
      add(5, target);
      // The owner is a pointer to the data of the record before.
      add(1, ip, 60, Buffer.from([0xc0, 12 + question.length + 12]));
    } else if (name === "mail.world" && type === 15)
      add(15, Buffer.concat([Buffer.from([0, 10]), Buffer.from("\x02mx"), Buffer.from([0xc0, 12])]));
    else if (name === "big.world" && type === 16)
      for (let count = 0; count < 8; count++)
        add(16, Buffer.concat([Buffer.from([120]), Buffer.alloc(120, 97 + count)]));
    else if (name.endsWith("many.world"))
      for (let host = 1; host <= 5; host++) add(1, Buffer.from([9, 9, 9, host]));
    else if (type === 1) {
      add(1, ip);
      // What nobody asked for, of types that are not passed on: AAAA, NULL, DNSKEY.
      for (const [other, size] of [
        [28, 16],
        [10, 30],
        [48, 40],
      ] as const)
        add(other, Buffer.alloc(size, 7));
    }
    header.writeUInt16BE(0x8180 | rcode, 2);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, question, ...records]);
  }
}

const world = new World();
let told: NetworkFact[] = [];
const network = new SandboxNetwork("127.0.0.0/8");
let listener: DnsListener | undefined;

async function listen(configuration: Partial<ResolverConfiguration>): Promise<void> {
  await listener?.[Symbol.asyncDispose]();
  // A fact waits a moment for the log: one that comes later belongs to the listener before.
  const own: NetworkFact[] = [];
  told = own;
  world.asked.length = 0;
  world.mode = "answer";
  const resolver = new Resolver({
    configuration: {
      source: "resolve",
      resolvers: [UPSTREAM],
      largestName: 60,
      largestAnswer: 512,
      ...configuration,
    },
    invented: new InventedNames("secret"),
    flows: new Flows(() => undefined),
    tell: (fact, { sandbox }) => {
      assert.equal(sandbox, BOX);
      own.push(fact);
    },
    port: UPSTREAM_PORT,
  });
  listener = await DnsListener.open({ address: OUTPOST, port: PORT, network, resolver });
}

/** c-ares, which knows nothing of our code. */
function client(): Client {
  const made = new Client({ timeout: PATIENCE, tries: 1 });
  made.setServers([`${OUTPOST}:${PORT}`]);
  made.setLocalAddress(BOX);
  return made;
}

/** Raw bytes there and back. */
function ask(
  message: Buffer,
  { from = BOX, patience = PATIENCE }: { from?: string; patience?: number } = {},
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const done = (answer?: Buffer) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(done, patience);
    socket.on("message", (answer) => {
      done(answer);
    });
    socket.bind(0, from, () => {
      socket.send(message, PORT, OUTPOST);
    });
  });
}

function askByTcp(messages: readonly Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: OUTPOST, port: PORT, localAddress: BOX });
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => {
      resolve(Buffer.concat(chunks));
    });
    for (const message of messages) {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      // In two pieces, as a network may deliver them.
      socket.write(length);
      socket.write(message);
    }
    socket.end();
  });
}

const failure = (asked: Promise<unknown>) =>
  asked.then(
    () => "answered",
    (error: unknown) => (error as { code: string }).code,
  );

async function facts(count: number): Promise<NetworkFact[]> {
  for (const end = performance.now() + PATIENCE; told.length < count;) {
    assert.ok(performance.now() < end, `${count} facts: not within ${PATIENCE} ms: ${JSON.stringify(told)}`);
    await sleep(25);
  }
  return told;
}

before(() => world.open());
after(async () => {
  await listener?.[Symbol.asyncDispose]();
  world.close();
});

describe("the resolver, asking", () => {
  it("answers what the machine's resolver says, of the types that it passes on, and tells of it", async () => {
    await listen({});
    assert.deepEqual(await client().resolve4("www.world"), ["93.184.216.34"]);
    assert.deepEqual(await client().resolveMx("mail.world"), [
      { type: "MX", exchange: "mx.mail.world", priority: 10 },
    ]);
    assert.deepEqual(await client().resolve4("alias.world"), ["93.184.216.34"]);
    const answer = parseAnswer((await ask(encodeQuestion(7, wire("www.world"), 1))) ?? Buffer.alloc(0));
    assert.deepEqual(
      answer?.answers.map(({ type }) => type),
      [1],
    );
    const names = (await facts(4)).map(({ rule, protocol, name, to }) => [rule, protocol, name, to]);
    const unknown = { address: "0.0.0.0", port: 53 };
    assert.deepEqual(names, [
      ["dns", "udp", "www.world", unknown],
      ["dns", "udp", "mail.world", unknown],
      ["dns", "udp", "alias.world", unknown],
      ["dns", "udp", "www.world", unknown],
    ]);
  });

  it("says alike for both kinds of address whether a name exists, and gives no IPv6", async () => {
    await listen({});
    assert.equal(await failure(client().resolve6("www.world")), "ENODATA");
    assert.equal(await failure(client().resolve6("missing.world")), "ENOTFOUND");
    assert.equal(await failure(client().resolve4("missing.world")), "ENOTFOUND");
    assert.ok(world.asked.every((asked) => asked.endsWith(" 1")));
  });

  it("asks once what is asked again, or at the same time, each question from a port and with an id of its own", async () => {
    await listen({});
    await Promise.all(Array.from({ length: 5 }, () => client().resolve4("same.world")));
    await client().resolve4("SAME.world");
    assert.deepEqual(world.asked, ["same.world 1"]);
    world.ports.clear();
    world.ids.clear();
    for (let count = 0; count < 12; count++) await client().resolve4(`n${count}.world`);
    assert.ok(world.ports.size >= 10, `${world.ports.size} ports`);
    assert.ok(world.ids.size >= 10, `${world.ids.size} ids`);
  });

  it("believes no forged answer", async () => {
    await listen({ resolvers: [UPSTREAM, DEAD] });
    world.mode = "forge";
    assert.equal(await failure(client().resolve4("forged.world")), "ESERVFAIL");
  });

  it("goes on to the next resolver when one is dead, silent or fails; and says so when all do", async () => {
    await listen({ resolvers: [DEAD, UPSTREAM] });
    assert.deepEqual(await client().resolve4("late.world"), ["93.184.216.34"]);
    await listen({});
    world.mode = "fail";
    assert.equal(await failure(client().resolve4("fails.world")), "ESERVFAIL");
    await listen({});
    world.mode = "silent";
    const started = performance.now();
    assert.equal(await failure(client().resolve4("silent.world")), "ESERVFAIL");
    const waited = performance.now() - started;
    assert.ok(waited > 3900, `${waited} ms for two tries of two seconds`);
  });

  it("a sandbox has so many questions open, and does not keep the others from theirs", async () => {
    await listen({});
    world.mode = "silent";
    const asked = Array.from({ length: 20 }, (_, count) =>
      ask(encodeQuestion(count, wire(`q${count}.world`), 1)),
    );
    const open = Promise.race(asked.slice(0, 8)).then(() => undefined);
    const early = await Promise.race([Promise.all(asked.slice(8)), open]);
    assert.ok(early, "the ones beyond are answered at once, before four seconds are over for the others");
    assert.ok(early.every((answer) => answer && (answer.readUInt16BE(2) & 15) === 2));
    assert.ok((await Promise.all(asked)).every((answer) => answer !== undefined));
    assert.equal(new Set(world.asked).size, 8);
  });
});

describe("what does not get through the resolver", () => {
  it("names that are too long are refused, and never asked for", async () => {
    await listen({});
    const long = `${"a".repeat(50)}.${"b".repeat(20)}.world`;
    assert.equal(await failure(client().resolve4(long)), "EREFUSED");
    assert.deepEqual(world.asked, []);
    const [fact] = await facts(1);
    assert.deepEqual([fact?.rule, fact?.name], ["dns-size", long]);
    assert.deepEqual(await client().resolve4(`${"a".repeat(54)}.world`), ["93.184.216.34"]);
  });

  it("types that tunnels are made of are not answered", async () => {
    await listen({});
    // NULL, KEY, PRIVATE, ANY
    for (const type of [10, 25, 65399, 255]) {
      const answer = await ask(encodeQuestion(9, wire("t.world"), type));
      assert.equal((answer?.readUInt16BE(2) ?? 0) & 15, 4, `type ${type}`);
    }
    assert.deepEqual(world.asked, []);
    assert.deepEqual(
      (await facts(4)).map(({ rule }) => rule),
      ["dns-size", "dns-size", "dns-size", "dns-size"],
    );
  });

  it("an answer over the size is cut, by UDP with the flag that says so", async () => {
    await listen({ largestAnswer: 300 });
    const udp = await ask(encodeQuestion(1, wire("big.world"), 16));
    assert.ok(udp && udp.length <= 300);
    assert.notEqual(udp.readUInt16BE(2) & 0x0200, 0);
    assert.equal(udp.readUInt16BE(6), 2);
    const tcp = await askByTcp([encodeQuestion(2, wire("big.world"), 16)]);
    assert.ok(tcp.length <= 302);
    assert.equal(tcp.readUInt16BE(4) & 0x0200, 0);
    assert.deepEqual(
      (await facts(2)).map(({ rule, protocol }) => [rule, protocol]),
      [
        ["dns-size", "udp"],
        ["dns-size", "tcp"],
      ],
    );
  });

  it("who says by EDNS that it takes more gets more, up to the size", async () => {
    await listen({ largestAnswer: 1000 });
    const plain = await ask(encodeQuestion(1, wire("big.world"), 16));
    const more = await ask(encodeQuestion(1, wire("big.world"), 16, 4096));
    assert.ok(plain && plain.length <= 512);
    assert.ok(more && more.length > 800 && more.length <= 1000);
  });

  it("several questions by one connection are answered in their order, and not without end", async () => {
    await listen({});
    const bytes = await askByTcp(
      Array.from({ length: 20 }, (_, count) => encodeQuestion(count, wire(`c${count}.many.world`), 1)),
    );
    const ids: number[] = [];
    for (let offset = 0; offset < bytes.length; offset += 2 + bytes.readUInt16BE(offset))
      ids.push(bytes.readUInt16BE(offset + 2));
    assert.deepEqual(
      ids,
      Array.from({ length: 16 }, (_, count) => count),
    );
  });

  it("who is no sandbox gets no answer, and neither does what is no question", async () => {
    await listen({});
    const question = encodeQuestion(1, wire("www.world"), 1);
    const answer = Buffer.from(question);
    answer[2] = 0x81;
    assert.equal(await ask(question, { from: "127.0.0.1", patience: 300 }), undefined);
    assert.equal(await ask(answer, { patience: 300 }), undefined);
    assert.equal(await ask(question.subarray(0, 11), { patience: 300 }), undefined);
    const cut = await ask(question.subarray(0, 15));
    assert.equal((cut?.readUInt16BE(2) ?? 0) & 15, 1);
    assert.deepEqual(told, []);
  });
});

describe("the resolver, inventing", () => {
  it("asks nobody, and a name always has the same ordinary address", async () => {
    await listen({ source: "invent" });
    const [first] = await client().resolve4("c2.example.com");
    assert.deepEqual(await client().resolve4("C2.Example.com"), [first]);
    assert.notDeepEqual(await client().resolve4("c3.example.com"), [first]);
    assert.deepEqual(await client().resolveMx("evil.net"), [
      { type: "MX", exchange: "mail.evil.net", priority: 10 },
    ]);
    assert.deepEqual(await client().resolveNs("evil.net"), ["ns1.evil.net", "ns2.evil.net"]);
    assert.equal((await client().resolveSoa("evil.net")).nsname, "ns1.evil.net");
    assert.equal(await failure(client().resolve6("evil.net")), "ENODATA");
    assert.deepEqual(world.asked, []);
  });

  it("does not invent what can never exist", async () => {
    await listen({ source: "invent" });
    for (const name of [
      "single",
      "router.local",
      "x.invalid",
      "abc.onion",
      "1.2.3.4.in-addr.arpa",
      "x.123",
    ]) {
      const answer = await ask(encodeQuestion(3, wire(name), 1));
      assert.equal((answer?.readUInt16BE(2) ?? 0) & 15, 3, name);
    }
  });

  it("never an address within a fence, of ten thousand; and its name is remembered", () => {
    const invented = new InventedNames("secret");
    const other = new InventedNames("another");
    let differ = 0;
    for (let count = 0; count < 10_000; count++) {
      const name = `host-${count}.example${count % 7}.com`;
      const address = invented.find(wire(name), 1).answers[0]?.data.join(".") ?? "";
      assert.ok(!FENCES.some((fence) => overlaps(fence, address)), address);
      assert.equal(invented.nameOf(address), name);
      if (other.find(wire(name), 1).answers[0]?.data.join(".") !== address) differ++;
    }
    assert.equal(differ, 10_000);
  });

  it("never within a fence, whatever the secret: no fence shares a first octet with what it chooses from", () => {
    const firsts = new Set<number>();
    for (let count = 0; count < 20_000; count++) {
      const address = new InventedNames(`s${count % 3}`).find(wire(`n${count}.com`), 1).answers[0]?.data[0];
      if (address !== undefined) firsts.add(address);
    }
    assert.ok(firsts.size > 80, `${firsts.size} first octets`);
    for (const first of firsts)
      assert.ok(!FENCES.some((fence) => overlaps(fence, `${first}.0.0.0/8`)), `${first}.0.0.0/8`);
  });
});

describe("hostile bytes to the resolver", () => {
  it("never make reading throw or run for ever", () => {
    const question = encodeQuestion(1, wire("www.example.com"), 1, 1232);
    let block = createHash("sha256").update("hostile names").digest();
    let answers = 0;
    for (let round = 0; round < 40_000; round++) {
      block = createHash("sha256").update(block).digest();
      const bytes = Buffer.concat([question, block.subarray(0, round % 32)]);
      for (let flip = 0; flip < (block[31] ?? 0) % 6; flip++)
        bytes[(block.readUInt16LE(flip * 4) * 7) % bytes.length] = block[flip * 4 + 2] ?? 0;
      parseQuery(bytes);
      questionedName(bytes);
      bytes[2] = (bytes[2] ?? 0) | 0x80;
      if (parseAnswer(bytes)) answers++;
    }
    assert.ok(answers > 5000, `${answers} were still read`);
  });

  it("names that point at themselves, forward or in a circle are none", () => {
    const header = encodeQuestion(1, Buffer.alloc(0), 1).subarray(0, 12);
    for (const name of [[0xc0, 12], [0xc0, 14, 0xc0, 12], [1, 97, 0xc0, 12], [0xc0, 200], [0x40, 1], [63]]) {
      const query = parseQuery(Buffer.concat([header, Buffer.from(name), Buffer.from([0, 1, 0, 1])]));
      assert.deepEqual(query, { id: 1, rcode: 1 });
    }
  });
});
