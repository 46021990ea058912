import { readFile, readdir } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import ts from "typescript";

export interface SourceFile {
  /** From the root that was asked for, as `policy/load.ts`. */
  readonly path: string;
  readonly lines: number;
  readonly text: string;
  /** As written: relative paths and package names; types, re-exports and `import()` included. */
  readonly imports: readonly string[];
}

/** Every TypeScript file below the project's folder of this name. */
export async function sourceFiles(folder: string): Promise<SourceFile[]> {
  const root = new URL(`../../${folder}`, import.meta.url).pathname;
  const names = await readdir(root, { recursive: true });
  return Promise.all(
    names
      .filter((name) => /\.m?ts$/.test(name))
      .sort()
      .map(async (path) => {
        const text = await readFile(join(root, path), "utf8");
        return { path, text, lines: text.split("\n").length - 1, imports: importsOf(path, text) };
      }),
  );
}

export function importsOf(path: string, text: string): string[] {
  const imports: string[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) imports.push(ts.isStringLiteralLike(specifier) ? specifier.text : COMPUTED);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true));
  return imports;
}

/** Stands for an import whose name is not written out, which no table can judge. */
export const COMPUTED = "(computed)";

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (!ts.isCallExpression(node)) return undefined;
  const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
  const isRequire = ts.isIdentifier(node.expression) && node.expression.text === "require";
  return isImport || isRequire ? node.arguments[0] : undefined;
}

/** The file that a relative import means, from the same root; it may lead out of it (`../x`). */
export function resolved(from: string, specifier: string): string {
  return normalize(join(dirname(from), specifier));
}

/** `policy/load.ts` → `policy`, `log.ts` → `log`. */
export function moduleOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : path.replace(/\.m?ts$/, "");
}

/** `ssh2/lib/x.js` → `ssh2`, `@a/b/c` → `@a/b`, `node:fs/promises` as it is. */
export function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return specifier;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
