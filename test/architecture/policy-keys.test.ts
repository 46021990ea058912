/** A key of the policy that is accepted and ignored is worse than none. So each one has to be read by what it governs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import ts from "typescript";

const ROOT = new URL("../..", import.meta.url).pathname;
const SCHEMAS = [
  ...["policy.ts", "policy-sections.ts", "policy-network.ts", "policy-keeping.ts", "policy-profile.ts"],
].map((name) => `${ROOT}gateway/model/${name}`);
/** They look at every key alike; that is not what a key is for. */
const NOT_A_USE = [
  "policy/contradictions.ts",
  "policy/warnings.ts",
  "policy/describe.ts",
  "policy/changes.ts",
  "policy/units.ts",
];

test("every key of the policy schema is read by the code that it governs", () => {
  const options = ts.getParsedCommandLineOfConfigFile(
    `${ROOT}tsconfig.json`,
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (diagnostic) =>
        assert.fail(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n")),
    },
  );
  assert.ok(options);
  const program = ts.createProgram(
    options.fileNames.filter((name) => name.includes("/gateway/")),
    options.options,
  );
  const schemas = SCHEMAS.map((path) => program.getSourceFile(path) ?? assert.fail(`there is no ${path}`));
  // Making the checker binds the trees: nodes know their parents from here on.
  const checker = program.getTypeChecker();
  const keys = new Map(schemas.flatMap((schema) => [...schemaKeys(schema)]));
  assert.ok(keys.size > 40, "the schema's keys are found");
  const uses = new Map([...keys.values()].map((key) => [key, new Set<string>()]));
  for (const file of program.getSourceFiles()) {
    const path = file.fileName.split("/gateway/")[1];
    if (path === undefined || file.isDeclarationFile || schemas.includes(file) || NOT_A_USE.includes(path))
      continue;
    forEachRead(file, checker, (symbol) => {
      for (const declaration of symbol.declarations ?? []) {
        const key = keys.get(declaration);
        if (key !== undefined) uses.get(key)?.add(path);
      }
    });
  }
  const unread = [...uses].filter(([, files]) => files.size === 0).map(([key]) => key);
  assert.deepEqual(unread, []);
});

/** The schema's properties that are values and not sections, by their place in its source. */
function schemaKeys(schema: ts.SourceFile): Map<ts.Node, string> {
  const keys = new Map<ts.Node, string>();
  const visit = (node: ts.Node, section: string): void => {
    const name = ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) ? node.name.text : section;
    if (
      ts.isPropertyAssignment(node) &&
      ts.isObjectLiteralExpression(node.parent) &&
      ts.isCallExpression(node.parent.parent) &&
      node.parent.parent.expression.getText().endsWith("strictObject") &&
      !SECTION.test(node.initializer.getText())
    ) {
      keys.set(node, `${name}.${node.name.getText()}`);
    }
    ts.forEachChild(node, (child) => {
      visit(child, name);
    });
  };
  visit(schema, "");
  return keys;
}

/** `auth: auth.prefault({})` */
const SECTION = /^[a-z]+\s*\.prefault\(\{\}\)/;

function forEachRead(
  file: ts.SourceFile,
  checker: ts.TypeChecker,
  report: (symbol: ts.Symbol) => void,
): void {
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) {
      const symbol = checker.getSymbolAtLocation(node.name);
      if (symbol !== undefined) report(symbol);
    } else if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
      const name = (node.propertyName ?? node.name).getText();
      const symbol = checker.getTypeAtLocation(node.parent).getProperty(name);
      if (symbol !== undefined) report(symbol);
    }
    if (ts.isElementAccessExpression(node)) {
      // `sandbox[key]` where key's type is a union of names reads each of them.
      const type = checker.getTypeAtLocation(node.argumentExpression);
      for (const part of type.isUnion() ? type.types : [type]) {
        const name = part.isStringLiteral() ? part.value : undefined;
        const symbol =
          name === undefined ? undefined : checker.getTypeAtLocation(node.expression).getProperty(name);
        if (symbol !== undefined) report(symbol);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
}
