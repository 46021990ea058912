/** What `policy try` says of a policy, and what the same traffic then meets under it. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { it } from "node:test";
import type { GatewayStatus } from "../../gateway/model/gateway-status.ts";
import { eventually, mitsubako, ssh, startGateway, type Gateway } from "./harness.ts";

const BEFORE = "sandbox: {spares: 0, memory: 128m}\n";
const AFTER = `${BEFORE}
auth: {rules: [{user: root, password: "b*", verdict: reject}]}
deadlines: {idle: 4s}
limits: {connectionsPerSource: 2}
network: {egress: sinkhole, ports: [{ports: 81, egress: deny}]}
profiles:
  - {name: left alone, match: {user: guest}, deadlines: {idle: 1h}}
  - {name: hasty, match: {user: hasty}, deadlines: {idle: 1h, session: 10s}}
`;
const CONNECTS =
  'for port in 80 81; do timeout 5 bash -c "exec 3<>/dev/tcp/198.51.100.9/$port"; done; sleep 1';

/** The last number of their address, user, password, what they do. They come together; the last three share an address. */
const TRAFFIC = [
  [1, "root", "bad", "true"],
  [2, "guest", "x", CONNECTS],
  [3, "idle", "x", "sleep 9"],
  [4, "hasty", "x", "sleep 13"],
  [5, "guest", "x", "sleep 9"],
  [6, "guest", "x", "sleep 12"],
  [6, "guest", "x", "sleep 12"],
  [6, "guest", "x", "sleep 12"],
] as const;

/** Who has a deadline for the whole session finds a sandbox that is there already: on a busy machine making one may take longer. */
const FIRST = [4, "guest", "x", "true"] as const;
const SESSIONS = TRAFFIC.length + 1;

async function comes(gateway: Gateway, network: string): Promise<void> {
  const session = ([last, user, password, command]: (typeof TRAFFIC)[number] | typeof FIRST) =>
    ssh(gateway, { user, password, from: `${network}.${last}` }, [command]);
  await session(FIRST);
  await Promise.all(TRAFFIC.map(session));
}

interface Counted {
  readonly count: number;
  readonly examples: readonly { session: string; source: string; at: string }[];
}

interface Outcome {
  readonly sessions: number;
  readonly letIn: { readonly happened: number; readonly would: number };
  readonly newlyIn: Counted;
  readonly newlyOut: Counted;
  readonly limits: Readonly<Record<string, Counted>>;
  readonly sandboxes: { readonly made: number; readonly peak: { readonly count: number } };
  readonly outside: { readonly most: readonly { port: number; way: string; tries: number }[] };
  readonly profiles: Readonly<Record<string, number>>;
}

interface Row {
  readonly id: string;
  readonly sourceAddress: string;
  readonly started: string;
  readonly duration: number;
  readonly loggedIn: boolean;
  readonly endReason: string;
  readonly sandbox?: string;
  readonly profile?: string;
}

it("what policy try says of recorded sessions is what the same traffic meets under that policy", async () => {
  await using gateway = await startGateway({ policy: BEFORE });
  const file = join(dirname(gateway.policy), "new.yaml");
  await writeFile(file, AFTER);
  let seen = 0;
  const trialOf = (sessions: number): Promise<Outcome> =>
    eventually(
      "all in the index",
      async () => {
        const ran = await mitsubako(gateway, "policy", "try", file, "--since", "1h", "--json");
        assert.equal(ran.code, 0, ran.stderr.toString());
        const { outcome } = JSON.parse(ran.stdout.toString()) as { outcome: Outcome };
        seen = outcome.sessions;
        return outcome.sessions === sessions ? outcome : undefined;
      },
      60_000,
    ).catch((error: unknown) => assert.fail(`${String(error)}: ${seen} of ${sessions}`));
  const rowsOf = async (network: string, ...more: string[]): Promise<Row[]> => {
    const { stdout } = await mitsubako(gateway, "sessions", "--json", "--source", `${network}.*`, ...more);
    return stdout.toString().trim().split("\n").map((line) => JSON.parse(line) as Row); // prettier-ignore
  };
  const sandboxes = async () => {
    const { stdout } = await mitsubako(gateway, "status", "--json");
    return (JSON.parse(stdout.toString()) as GatewayStatus).sandboxes;
  };
  const sources = async () => (await sandboxes()).sources;
  /** The last numbers of the addresses. */
  const met = ({ limits }: Outcome) =>
    Object.fromEntries(
      Object.entries(limits)
        .filter(([, { count }]) => count > 0)
        .map(([limit, { examples }]) => [limit, examples.map(({ source }) => source.split(".")[3])]),
    );

  await comes(gateway, "127.0.43");
  const foreseen = await trialOf(SESSIONS);
  assert.deepEqual(met(foreseen), {
    "limits.connectionsPerSource": ["6"],
    "deadlines.session": ["4"],
    "deadlines.idle": ["3"],
  });
  assert.deepEqual(foreseen.letIn, { happened: 9, would: 7 });
  assert.deepEqual([foreseen.newlyIn.count, foreseen.newlyOut.count], [0, 2]);

  await writeFile(gateway.policy, AFTER);
  await eventually("the new policy", () =>
    Promise.resolve(gateway.log().includes("a new policy is in force") ? true : undefined),
  );
  const before = await eventually("all have left", async () => ((await sources()) === 6 ? 6 : undefined));
  await comes(gateway, "127.0.44");
  // Who is turned away at the door leaves no recording.
  const again = await trialOf(2 * SESSIONS - 1);
  const rows = await rowsOf("127.0.44");

  assert.equal(rows.filter(({ loggedIn }) => loggedIn).length, foreseen.letIn.would, JSON.stringify(rows));
  // The latest come first: of several from one address the last is meant.
  const endOf: Readonly<Record<string, string>> = Object.fromEntries(
    rows
      .toReversed()
      .map(({ sourceAddress, endReason }): [string, string] => [
        sourceAddress.split(".")[3] ?? "",
        endReason,
      ]),
  );
  assert.deepEqual(endOf, {
    ...{ 1: "client-closed", 2: "client-closed", 5: "client-closed", 6: "client-closed" },
    ...{ 3: "idle-deadline", 4: "session-deadline" },
  });
  const made = new Set(rows.flatMap(({ sandbox }) => sandbox ?? []));
  assert.equal(made.size, foreseen.sandboxes.made);
  assert.equal((await sources()) - before, foreseen.sandboxes.peak.count);

  // When: as far after a session's beginning as was said.
  const began = new Map(
    [...(await rowsOf("127.0.43")), ...rows].map(({ id, started }) => [id, Date.parse(started)]),
  );
  const [hasty] = foreseen.limits["deadlines.session"]?.examples ?? [];
  assert.equal(Date.parse(hasty?.at ?? "") - (began.get(hasty?.session ?? "") ?? 0), 10_000);
  const lasted = rows.find(({ endReason }) => endReason === "session-deadline")?.duration ?? 0;
  assert.ok(lasted >= 10 && lasted < 30, `${lasted}`);

  // What its sandbox turned to, and what became of it.
  const ways = (outcome: Outcome) =>
    outcome.outside.most.map(({ port, way, tries }) => `${port} ${way} ${tries}`).sort();
  assert.deepEqual(ways(foreseen), ["80 sinkhole 1", "81 deny 1"]);
  using index = new DatabaseSync(join(gateway.data, "index.sqlite"), { readOnly: true });
  const happened = index
    .prepare(
      "SELECT port, rule FROM connects JOIN sessions ON id = session WHERE source_address = ? ORDER BY port",
    )
    .all("127.0.44.2");
  assert.deepEqual(
    happened.map(({ port, rule }) => `${String(port)} ${String(rule)}`),
    ["80 sinkhole", "81 egress"],
  );

  // Its bytes were counted when it had left.
  const counted = await eventually("the capture in the index", () => {
    const row = index
      .prepare(
        "SELECT up, down, spent FROM captures JOIN sessions ON sessions.id = captures.session WHERE source_address = ? AND up IS NOT NULL",
      )
      .get("127.0.44.2");
    return Promise.resolve(row);
  });
  // A handshake and an end at the least, each way.
  assert.ok(Number(counted["up"]) >= 80 && Number(counted["down"]) >= 40, JSON.stringify(counted));
  assert.equal(counted["spent"], 0);

  // Who has which profile: sandboxes by their first attempt, those that were there too; sessions by their own.
  assert.deepEqual((await sandboxes()).profiles, { "left alone": 8 });
  const hasties = await rowsOf("127.0", "--profile", "hasty");
  assert.deepEqual(
    hasties.map(({ sourceAddress, profile }) => [sourceAddress, profile]),
    [["127.0.44.4", "hasty"]],
  );

  // Of those who came under it, the policy makes what happened.
  assert.deepEqual([again.letIn.happened, again.letIn.would], [16, 14]);
  assert.deepEqual(met(again), {
    "limits.connectionsPerSource": ["6"],
    "deadlines.session": ["4", "4"],
    "deadlines.idle": ["3", "3"],
  });
  assert.deepEqual(again.profiles, { hasty: 2, "left alone": 10 });
  assert.equal(await gateway.stop(), 0);
});
