// No regular expression of the programs can be made slow: each is analysed for backtracking whose cost grows faster than the text.
// One that must look at more than one length of a run gets a bound ({0,64} instead of *), or a loop of its own.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { analyse } from 'scslre';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

interface Found {
  readonly place: string;
  readonly source: string;
  readonly flags: string;
}

/** Every literal, and the first argument of `new RegExp` where it is one text. */
function expressionsIn(file: string, text: string): Found[] {
  const found: Found[] = [];
  const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    const place = `${file}:${parsed.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      found.push({ place, source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
    } else if (ts.isNewExpression(node) && node.expression.getText() === 'RegExp') {
      const [source, flags] = node.arguments ?? [];
      if (source && ts.isStringLiteralLike(source)) {
        found.push({ place, source: source.text, flags: flags && ts.isStringLiteralLike(flags) ? flags.text : '' });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return found;
}

const slow = ({ source, flags }: Found): boolean =>
  analyse({ source, flags }, { reportTypes: { Move: true, Self: true, Trade: true } }).reports.length > 0;

test('no regular expression in src/ takes more than linear time on any text', () => {
  const files = execFileSync('git', ['ls-files', 'src/*.ts'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
  const all = files
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) => expressionsIn(file, readFileSync(join(ROOT, file), 'utf8')));
  expect(all.length).toBeGreaterThan(200);
  expect(all.filter(slow).map(({ place, source, flags }) => `${place} /${source}/${flags}`)).toEqual([]);
}, 120_000);

test('the check knows what is slow', () => {
  const code = "/(a+)+$/; /\\s+$/; /^(.*)x(.*)y$/; /a{1,9}b/u; new RegExp('(?:a|a)*b');";
  expect(expressionsIn('x.ts', code).map(slow)).toEqual([true, true, true, false, true]);
});
