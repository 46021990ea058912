import assert from "node:assert/strict";
import { test } from "node:test";
import { toByteString } from "../../gateway/model/bytes.ts";
import { isNamed, scriptOf } from "../../gateway/watcher/script-of.ts";

const bytes = (text: string) => toByteString(Buffer.from(text, "latin1"));

function script(line: string, path?: string) {
  const argv = line.split(" ").map(bytes);
  return scriptOf(bytes(path ?? argv[0] ?? ""), argv);
}

test("the script is what an interpreter was given as one, behind its options", () => {
  for (const [line, expected] of [
    ["/bin/sh x", "x"],
    ["sh -eux ./x a b", "./x"],
    ["/bin/bash -o pipefail --norc /tmp/x", "/tmp/x"],
    ["bash -- -x", "-x"],
    ["/usr/bin/python3 -u -W ignore x.py arg", "x.py"],
    ["/usr/bin/python3.11 x", "x"],
    ["perl -w -I lib x.pl", "x.pl"],
    ["/bin/busybox sh x", "x"],
    ["/bin/busybox ash -e x", "x"],
  ] as const)
    assert.equal(script(line), expected, line);
  assert.equal(script("ash x", "/bin/busybox"), "x");
});

test("where no file was given, or it is not certain, there is none", () => {
  for (const line of [
    "-bash",
    "bash",
    "sh -c x",
    "sh -ec x y",
    "sh -s x",
    "bash -",
    "python3 -m http.server",
    "python3 -c x",
    "perl -e 1 x",
    "cat x",
    "/bin/busybox cat x",
    "./x a",
    "bash --",
    "bash -o",
  ])
    assert.equal(script(line), undefined, line);
});

test("a name stands for a file only where that ends in it", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["/tmp/x", "x", true],
    ["/tmp/x", "./x", true],
    ["/tmp/x", "/tmp/x", true],
    ["/tmp/a/x", "a//x", true],
    ["/var/x", "../x", true],
    ["/tmp/xx", "x", false],
    ["/tmp/x", "y", false],
    ["/tmp/b/x", "a/x", false],
    ["/tmp/x", "..", false],
    ["/tmp/x", ".", false],
  ];
  for (const [file, named, expected] of cases)
    assert.equal(isNamed(bytes(file), bytes(named)), expected, `${file} ${named}`);
});
