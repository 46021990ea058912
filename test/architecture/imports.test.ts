import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { COMPUTED, importsOf, moduleOf, packageOf, resolved, sourceFiles } from "./source-files.ts";
import { LONG_FILES, MAY_IMPORT, PACKAGES } from "./table.ts";

const files = await sourceFiles("gateway");
const relative = files.flatMap(({ path, imports }) =>
  imports.filter((name) => name.startsWith(".")).map((name) => ({ path, to: resolved(path, name) })),
);
const foreign = files.flatMap(({ path, imports }) =>
  imports.filter((name) => !name.startsWith(".")).map((name) => ({ path, to: packageOf(name) })),
);

describe("who imports whom", () => {
  test("the table has no cycle: each line names only lines above it", () => {
    const above = new Set<string>();
    for (const [name, allowed] of Object.entries(MAY_IMPORT)) {
      for (const other of allowed) assert.ok(above.has(moduleOf(other)), `${name} → ${other}`);
      above.add(name);
    }
  });

  test("every module stands in the table", () => {
    const unknown = new Set(
      files.map(({ path }) => moduleOf(path)).filter((name) => !Object.hasOwn(MAY_IMPORT, name)),
    );
    assert.deepEqual([...unknown], []);
  });

  test("imports go down, never up or sideways", () => {
    const wrong = relative.filter(({ path, to }) => {
      const [from, target] = [moduleOf(path), moduleOf(to)];
      const allowed = MAY_IMPORT[from] ?? [];
      return from !== target && !allowed.includes(target) && !allowed.includes(to);
    });
    assert.deepEqual(
      wrong.map(({ path, to }) => `${path} → ${to}`),
      [],
    );
  });

  test("every import names a file of gateway/ with its extension, and names it in full", () => {
    const known = new Set(files.map(({ path }) => path));
    const wrong = relative.filter(({ to }) => !known.has(to) && !to.endsWith(".json"));
    assert.deepEqual(
      wrong.map(({ path, to }) => `${path} → ${to}`),
      [],
    );
    assert.deepEqual(
      foreign.filter(({ to }) => to === COMPUTED).map(({ path }) => path),
      [],
    );
  });

  test("no cycle between files", () => {
    assert.equal(cycleIn(relative), undefined);
  });

  test("each package stands only where it is wrapped", () => {
    const wrong = foreign.filter(({ path, to }) => {
      const allowed = PACKAGES[to];
      // Node's own modules are free where the table says nothing of them.
      if (allowed === undefined) return !to.startsWith("node:") && to !== COMPUTED;
      return !allowed.some((place) => (place.endsWith("/") ? path.startsWith(place) : path === place));
    });
    assert.deepEqual(
      wrong.map(({ path, to }) => `${path} → ${to}`),
      [],
    );
  });

  test("what runs needs no package of development, and no package is there for nothing", async () => {
    const manifest = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const used = new Set(
      foreign.map(({ to }) => to).filter((name) => !name.startsWith("node:") && name !== COMPUTED),
    );
    // The runtime itself (docs of `research`: the machine's own Node is too old).
    used.add("node");
    assert.deepEqual([...used].sort(), Object.keys(manifest.dependencies).sort());
  });
});

describe("files", () => {
  test("over 300 lines only with a reason, and no reason that is not needed", () => {
    const long = files.filter(({ lines }) => lines > 300).map(({ path, lines }) => `${path} ${lines}`);
    assert.deepEqual(
      long.filter((entry) => !Object.hasOwn(LONG_FILES, entry.split(" ")[0] ?? "")),
      [],
    );
    const needed = new Set(long.map((entry) => entry.split(" ")[0]));
    assert.deepEqual(
      Object.keys(LONG_FILES).filter((path) => !needed.has(path)),
      [],
    );
  });

  test("no drawers: a file is named for what is in it", () => {
    const drawers = files.filter(({ path }) => /(^|\/)(utils?|helpers?|common|misc|index)\.ts$/.test(path));
    assert.deepEqual(
      drawers.map(({ path }) => path),
      [],
    );
  });

  test("no barrels: nothing is exported that another file holds", () => {
    const barrels = files.filter(({ text }) => /^export (type )?(\*|\{[^}]*\}) from /m.test(text));
    assert.deepEqual(
      barrels.map(({ path }) => path),
      [],
    );
  });
});

describe("these tests themselves", () => {
  test("every kind of import is seen", () => {
    const text = `import a from "./a.ts"; import type { B } from "./b.ts"; export { c } from "./c.ts"; import "./d.ts";
      const e = await import("./e.ts"); type F = import("./f.ts").F; const g = require("./g.ts"); await import(name);`;
    assert.deepEqual(importsOf("x.ts", text), [
      ...["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts", "./g.ts"],
      COMPUTED,
    ]);
  });

  test("a cycle is found and told as a way round", () => {
    const edges = [
      { path: "a", to: "b" },
      { path: "b", to: "c" },
      { path: "x", to: "a" },
    ];
    assert.equal(cycleIn(edges), undefined);
    assert.deepEqual(cycleIn([...edges, { path: "c", to: "a" }]), ["a", "b", "c", "a"]);
    assert.deepEqual(cycleIn([{ path: "a", to: "a" }]), ["a", "a"]);
  });

  test("names of modules and packages", () => {
    assert.deepEqual(["policy/load.ts", "log.ts", "../x.ts"].map(moduleOf), ["policy", "log", ".."]);
    assert.deepEqual(["ssh2/lib/a.js", "@a/b/c", "node:fs/promises"].map(packageOf), [
      "ssh2",
      "@a/b",
      "node:fs/promises",
    ]);
  });
});

function cycleIn(edges: readonly { path: string; to: string }[]): string[] | undefined {
  const next = new Map<string, string[]>();
  for (const { path, to } of edges) next.set(path, [...(next.get(path) ?? []), to]);
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): string[] | undefined => {
    const start = way.indexOf(path);
    if (start !== -1) return [...way.slice(start), path];
    if (done.has(path)) return undefined;
    for (const to of next.get(path) ?? []) {
      const cycle = visit(to, [...way, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of next.keys()) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
