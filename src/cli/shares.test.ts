import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { getOption } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import { AskRequestSchema, PreviewSharesRequestSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import { field } from '../../gen/buf/validate/validate_pb.ts';
import { globOf } from '../base/glob.ts';
import { MAX_SHARES, mustBeFewShares } from './pick-shares.ts';
import { parseShare } from './shares.ts';

const folder = mkdtempSync(join(tmpdir(), 'bowline-shares-'));
const at = (cwd: string) => ({ cwd, env: { HOME: '/users/me' } });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('shares are made absolute in the folder of the caller, with their lines', () => {
  const w = join(folder, 'w');
  mkdirSync(join(w, '笔记'), { recursive: true });
  writeFileSync(join(w, 'a.md'), 'x');
  const cases: [string, object][] = [
    ['a.md', { pattern: join(w, 'a.md'), startLine: 0, endLine: 0 }],
    ['*.md', { pattern: join(w, '*.md') }],
    ['../b/**/*.md', { pattern: join(folder, 'b/**/*.md') }],
    ['/x/./y.md#L3', { pattern: '/x/y.md', startLine: 3, endLine: 3 }],
    ['./a.md#L3-L9', { pattern: join(w, 'a.md'), startLine: 3, endLine: 9 }],
    ['*.md#L3-9', { pattern: join(w, '*.md'), startLine: 3, endLine: 9 }],
    ['笔记/*.md', { pattern: join(w, '笔记/*.md') }],
    ['~/n.md', { pattern: join('/users/me', 'n.md') }],
  ];
  for (const [value, share] of cases) expect(parseShare(value, at(w)), value).toMatchObject(share);
});

test('a name that the folder of the caller does not have is left to the roots, as answers name files', () => {
  expect(parseShare('docs/notes.md#L2', at(folder))).toMatchObject({ pattern: 'docs/notes.md', startLine: 2 });
});

test('a file that is really called so is meant, whatever signs its name has', () => {
  writeFileSync(join(folder, 'a [1].md#L1'), 'x');
  expect(parseShare('a [1].md#L1', at(folder))).toMatchObject({ pattern: join(folder, 'a [1].md#L1'), startLine: 0 });
});

test('a file whose name is there in another Unicode form is meant', () => {
  writeFileSync(join(folder, 'Jose\u0301.md'), 'x');
  for (const value of ['José.md', 'José.md#L2'])
    expect(parseShare(value, at(folder)).pattern).toBe(join(folder, 'José.md'));
});

test('a glob in a folder with odd signs matches in that folder only', () => {
  const odd = join(folder, 'a[bc]{d}(e)');
  mkdirSync(odd);
  const { pattern } = parseShare('*.md', at(odd));
  expect(globOf(pattern).matches(join(odd, 'n.md'))).toBe(true);
  expect(globOf(pattern).matches(join(folder, 'abd(e)', 'n.md'))).toBe(false);
});

test('lines that are no range are refused', () => {
  for (const value of ['a#L0', 'a#L9-L3', '']) expect(() => parseShare(value, at('/w')), value).toThrow(/--share/);
});

test.each(['', undefined])(
  'without HOME (%o) the own folder is the one that the system knows, never that of the caller',
  (HOME) => {
    expect(parseShare('~/n.md', { cwd: folder, env: { HOME } }).pattern).toBe(join(userInfo().homedir, 'n.md'));
  },
);

test('an ask and a preview take the same number of shares, and more are refused with what to do', () => {
  for (const schema of [AskRequestSchema, PreviewSharesRequestSchema]) {
    const { type } = getOption(schema.field.shares, field);
    expect(type.case === 'repeated' && Number(type.value.maxItems), schema.typeName).toBe(MAX_SHARES);
  }
  const many = Array.from({ length: MAX_SHARES }, (_, n) => `${n}.md`);
  mustBeFewShares(many);
  expect(() => mustBeFewShares([...many, '又一个.md'])).toThrow(/at most 512 times --share; one quoted glob/);
});
