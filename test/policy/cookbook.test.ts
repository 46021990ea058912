/** docs/policies.md as a new operator follows it: each file written, each command run, each answer as it stands there. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { mmdb } from "./mmdb.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PAGE = await readFile(join(ROOT, "docs/policies.md"), "utf8");
const TASKS = PAGE.split(/^### (?=\d)/m).slice(1);

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mitsubako-cookbook-"));
  await cp(join(ROOT, "policies"), folder, { recursive: true });
  // What its reader has got.
  await writeFile(
    join(folder, "countries.mmdb"),
    mmdb({
      "203.0.113.0/24": { country: { iso_code: "KP" } },
      "198.51.100.0/24": { country: { iso_code: "DE" } },
    }),
  );
});
after(() => rm(folder, { recursive: true }));

/** What it prints, both streams, and its exit code. */
function mitsubako(args: readonly string[]): Promise<{ code: number; output: string }> {
  // As npm sets it, paths would be seen from where npm was called.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "INIT_CWD"));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, "gateway/main.ts"), ...args],
      { cwd: folder, env },
      (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), output: stderr + stdout });
      },
    );
  });
}

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, block = ""]) => block,
  );
}

describe("the cookbook", () => {
  test("has eighteen tasks, each with a file and with what to see", () => {
    assert.equal(TASKS.length, 18);
    for (const task of TASKS)
      assert.ok(blocks(task, "yaml").length === 1 && blocks(task, "console").length === 1, task);
  });

  for (const task of TASKS) {
    test(task.split("\n", 1)[0] ?? "", async () => {
      const [file = ""] = blocks(task, "yaml");
      const name = /^# ([a-z-]+\.yaml)\n/.exec(file)?.[1];
      assert.ok(name, "a file's name");
      await writeFile(join(folder, name), file);
      for (const step of blocks(task, "console").flatMap((block) => block.split(/^\$ /m).slice(1))) {
        const [command = "", ...answer] = step.trimEnd().split("\n");
        const [program, ...args] = command.split(" ");
        assert.equal(program, "mitsubako");
        const { code, output } = await mitsubako(args);
        assert.equal(code, 0, output);
        const printed = output.split("\n");
        for (const line of answer) {
          const [start = "", end = ""] = line.split("…");
          const isPrinted = printed.some((other) =>
            line.includes("…")
              ? other.startsWith(start) &&
                other.endsWith(end) &&
                /^\d+$/.test(other.slice(start.length, -end.length))
              : other === line,
          );
          assert.ok(isPrinted, `${command}: "${line}" is not in\n${printed.slice(0, 8).join("\n")}`);
        }
      }
    });
  }

  test("every command that the page names is one", async () => {
    const named = new Set(
      [...PAGE.matchAll(/mitsubako ((?:policy )?[a-z]+)/g)].map(([, command = ""]) => command),
    );
    assert.ok(named.size >= 6, [...named].join());
    for (const command of named)
      assert.equal((await mitsubako([...command.split(" "), "--help"])).code, 0, command);
  });
});
