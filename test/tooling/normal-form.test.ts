// Only src/base/normal-form.ts normalises texts, and nothing compares them by a language's order: a run of combining marks would take
// quadratic time.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const GUARDED = 'src/base/normal-form.ts';

const SLOW: ReadonlySet<string> = new Set(['normalize', 'localeCompare']);

/** Where `normalize` of anything but a module of paths, or `localeCompare`, is read, called or not. */
function placesIn(file: string, text: string): string[] {
  const found: string[] = [];
  const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const modules = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && /^'node:path/.test(node.moduleSpecifier.getText())) {
      const { name, namedBindings } = node.importClause ?? {};
      if (name) modules.add(name.text);
      if (namedBindings && ts.isNamespaceImport(namedBindings)) modules.add(namedBindings.name.text);
      if (namedBindings && ts.isNamedImports(namedBindings))
        for (const each of namedBindings.elements) modules.add(each.name.text);
    }
    if (ts.isPropertyAccessExpression(node) && SLOW.has(node.name.text) && !modules.has(node.expression.getText()))
      found.push(`${file}:${parsed.getLineAndCharacterOfPosition(node.name.getStart()).line + 1}`);
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return found;
}

test('texts are normalised in one place', () => {
  const files = execFileSync('git', ['ls-files', 'src/*.ts'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
  const places = files
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) => placesIn(file, readFileSync(join(ROOT, file), 'utf8')));
  expect(places.filter((place) => !place.startsWith(`${GUARDED}:`))).toEqual([]);
  expect(places).toHaveLength(1);
});

test('the check knows what normalises a text', () => {
  const code = `import { posix } from 'node:path';
    posix.normalize('/a'); a.normalize(); a.b
      .normalize('NFC'); a?.normalize('NFC'); [a].map(x.normalize); a.localeCompare(b);`;
  expect(placesIn('x.ts', code)).toEqual(['x.ts:2', 'x.ts:3', 'x.ts:3', 'x.ts:3', 'x.ts:3']);
});
