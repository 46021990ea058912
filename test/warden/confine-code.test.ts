import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { MitsubakoError } from "../../gateway/model/errors.ts";
import { requireReadableCode } from "../../gateway/warden/confine/code.ts";

describe("code that the unprivileged processes cannot read", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "mitsubako-code-"));
    for (const folder of ["gateway/front", "node_modules/ssh2"])
      mkdirSync(join(root, folder), { recursive: true });
    for (const file of ["package.json", "gateway/front/main.ts"]) writeFileSync(join(root, file), "");
    chmodSync(root, 0o755);
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });
  const check = () => requireReadableCode(root, "gateway/front/main.ts");
  const refusal = (what: string) => (error: unknown) =>
    error instanceof MitsubakoError &&
    error.code === "code-unreadable" &&
    error.message.startsWith(`${join(root, what)} `) &&
    error.remedy !== undefined;

  it("is none when modes are as umask 022 makes them, even below a closed folder", async () => {
    await check();
  });

  for (const [what, mode] of [
    ["", 0o700],
    ["gateway/front", 0o750],
    ["gateway/front/main.ts", 0o640],
    ["node_modules", 0o711],
    ["node_modules/ssh2", 0o700],
  ] as const)
    it(`is named: ${what === "" ? "the checkout" : what}`, async () => {
      chmodSync(join(root, what), mode);
      await assert.rejects(check(), refusal(what));
    });

  it("is named when it is missing", async () => {
    rmSync(join(root, "node_modules"), { recursive: true });
    await assert.rejects(check(), refusal("node_modules"));
    symlinkSync("/nowhere", join(root, "node_modules"));
    await assert.rejects(check(), refusal("node_modules"));
  });
});
