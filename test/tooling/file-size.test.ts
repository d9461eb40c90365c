// No file of src/ is too long to be read in one go, and no function. Tables may be as long as what they list.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const MAX_LINES = 400;
const MAX_FUNCTION_LINES = 100;

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join('src', name));

test('no file of src/ has more than 400 lines', () => {
  expect(files.length).toBeGreaterThan(100);
  const longer = files.filter((file) => readFileSync(file, 'utf8').split('\n').length - 1 > MAX_LINES);
  expect(longer).toEqual([]);
});

/** Functions with more lines than they may have, as `name: lines`. */
function longFunctions(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body && !isTable(node.body)) {
      const [first, last] = [node.getStart(source), node.end].map(
        (at) => source.getLineAndCharacterOfPosition(at).line,
      );
      const lines = last! - first! + 1;
      if (lines > MAX_FUNCTION_LINES) found.push(`${file} ${node.name?.getText(source) ?? '(a function)'}: ${lines}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Whether a body is nothing but one literal that lists things. Functions within it are looked at themselves. */
function isTable(body: ts.Node): boolean {
  if (ts.isBlock(body)) {
    const [only, ...more] = body.statements;
    return more.length === 0 && !!only && ts.isReturnStatement(only) && !!only.expression && isTable(only.expression);
  }
  if (ts.isParenthesizedExpression(body) || ts.isAsExpression(body) || ts.isSatisfiesExpression(body))
    return isTable(body.expression);
  return ts.isObjectLiteralExpression(body) || ts.isArrayLiteralExpression(body);
}

test('no function of src/ has more than 100 lines', () => {
  const programs = files.filter((file) => !file.endsWith('.test.ts'));
  expect(programs.flatMap((file) => longFunctions(file, readFileSync(file, 'utf8')))).toEqual([]);
});

test('a long function is found wherever it stands, a long table is none', () => {
  const lines = (line: string) => `${line}\n`.repeat(MAX_FUNCTION_LINES);
  const found = longFunctions(
    'x.ts',
    `function one() {\n${lines('go();')}}
class A {\n  two() {\n${lines('go();')}}\n  set three(v) {\n${lines('go();')}}\n}
const table = () => ({\n${lines('a: 1,')}});
function rows() {\n  return [\n${lines('1,')}] as const;\n}
const methods = () => ({\n${lines('a() {},')}\n  four: async () => {\n${lines('go();')}}\n});
`,
  );
  expect(found).toEqual(['x.ts one: 102', 'x.ts two: 102', 'x.ts three: 102', 'x.ts (a function): 102']);
});
