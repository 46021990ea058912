import assert from "node:assert/strict";
import { describe, test } from "node:test";
import ts from "typescript";
import { ERROR_CODES } from "../../gateway/model/errors.ts";
import { sourceFiles } from "./source-files.ts";

const tests = await sourceFiles("test");
const gateway = await sourceFiles("gateway");

describe("tests that tell the truth", () => {
  test("none is skipped, left for later or run alone", () => {
    const found = tests.flatMap(({ path, text }) => shortcuts(path, text).map((word) => `${path}: ${word}`));
    assert.deepEqual(found, []);
  });

  test("no package is replaced by a mock", () => {
    const found = tests.filter(({ text }) =>
      /\bmock\.module\(|\bfrom "(sinon|proxyquire|testdouble|nock)"/.test(text),
    );
    assert.deepEqual(
      found.filter(({ path }) => !path.startsWith("architecture/")).map(({ path }) => path),
      [],
    );
  });

  test("every file of tests is one that the runner finds", () => {
    const hidden = tests.filter(
      ({ path, imports }) =>
        imports.includes("node:test") && !path.endsWith(".test.ts") && registersTests(path),
    );
    assert.deepEqual(
      hidden.map(({ path }) => path),
      [],
    );
  });

  test("the shortcuts are seen in each of their forms", () => {
    const text = `test.skip("a"); it.only("b"); describe["todo"]("c"); test("d", { skip: true }); t.skip(); test("e", { todo: "x" });`;
    assert.deepEqual(shortcuts("x.ts", text), ["skip", "only", "todo", "skip", "skip", "todo"]);
    assert.deepEqual(shortcuts("x.ts", `reader.skip(4); test("f", { timeout: 3 }); list.only(1);`), []);
  });
});

describe("code that tells the truth", () => {
  test("the compiler and the linter are told of no exception without a reason", () => {
    const silent = gateway.flatMap(({ path, text }) =>
      text
        .split("\n")
        .filter((line) => /@ts-(ignore|nocheck|expect-error)\s*$|eslint-disable\s*(\*\/)?$/.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );
    assert.deepEqual(silent, []);
  });

  test("every error code can be met", () => {
    const others = gateway.filter(({ path }) => path !== "model/errors.ts").map(({ text }) => text);
    const unused = Object.keys(ERROR_CODES).filter(
      (code) => !others.some((text) => text.includes(`"${code}"`)),
    );
    assert.deepEqual(unused, []);
  });

  test("nothing is left to do in it", () => {
    const left = gateway.filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(text));
    assert.deepEqual(
      left.map(({ path }) => path),
      [],
    );
  });
});

/** `test.skip(`, `t.skip(`, `{ skip: … }` as an option of a test, and the same with only and todo. */
function shortcuts(path: string, text: string): string[] {
  const words = new Set(["skip", "only", "todo"]);
  const runners = new Set(["test", "it", "describe", "suite", "t", "context"]);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const callee = node.expression;
      const [owner, name] = ts.isPropertyAccessExpression(callee)
        ? [callee.expression, callee.name.text]
        : ts.isElementAccessExpression(callee) && ts.isStringLiteral(callee.argumentExpression)
          ? [callee.expression, callee.argumentExpression.text]
          : [callee, ""];
      const isRunner = ts.isIdentifier(owner) && runners.has(owner.text);
      if (isRunner && words.has(name)) found.push(name);
      if (isRunner) {
        for (const argument of node.arguments.filter(ts.isObjectLiteralExpression)) {
          for (const property of argument.properties) {
            const key = property.name?.getText();
            if (key !== undefined && words.has(key)) found.push(key);
          }
        }
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true));
  return found;
}

/** Whether a file that is not a test file registers tests when it is loaded, rather than when it is asked to. */
function registersTests(path: string): boolean {
  const text = tests.find((file) => file.path === path)?.text ?? "";
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  return source.statements.some(
    (statement) =>
      ts.isExpressionStatement(statement) &&
      ts.isCallExpression(statement.expression) &&
      /^(test|it|describe|suite)$/.test(statement.expression.expression.getText()),
  );
}
