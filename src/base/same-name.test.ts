import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { formOf, onDisk, otherForm, sameName } from './same-name.ts';

function folder(...names: string[]): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'same-name-')));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  for (const name of names) writeFileSync(join(dir, name), name);
  return dir;
}

/** Accents, Hangul, Vietnamese, marks in another order, single signs that stand for others, and a form between the two. */
const SAME: readonly (readonly [string, string])[] = [
  ['José.md', 'Jose\u0301.md'],
  ['한글.txt', '한글.txt'.normalize('NFD')],
  ['Nguyễn Việt.md', 'Nguyễn Việt.md'.normalize('NFD')],
  ['\u1ec7', 'e\u0302\u0323'],
  ['q\u0307\u0323', 'q\u0323\u0307'],
  ['\u1e69', '\u1e61\u0323'],
  ['\u212bngstr\u00f6m', 'A\u030angstro\u0308m'],
  ['\u212a.md', 'K.md'],
  ['a\u037eb', 'a;b'],
  ['\u2126', '\u03a9'],
  ['\u{1d15e}', '\u{1d157}\u{1d165}'],
  ['\u0958', '\u0915\u093c'],
];

/** What looks alike, or is one name to some systems, and is not canonically equivalent. */
const OTHER: readonly (readonly [string, string])[] = [
  ['ﬁ', 'fi'],
  ['ｆile', 'file'],
  ['x²', 'x2'],
  ['①', '1'],
  ['é', 'e'],
  ['É', 'é'],
  ['а', 'a'],
  ['ß', 'ss'],
  ['e\u0301\u0323', 'e\u0301'],
  ['\u0308\u0301', '\u0301\u0308'],
  ['ㅎㅏㄴ', '한'],
];

test.each(SAME)('%o and %o are one name, whichever the folder has', async (a, b) => {
  for (const [there, asked] of [
    [a, b],
    [b, a],
  ] as const) {
    const dir = folder(there, 'another.md');
    expect(sameName(there, asked)).toBe(true);
    expect(await otherForm(dir, asked)).toBe(there);
    expect(onDisk(join(dir, asked))).toBe(join(dir, there));
  }
});

test.each(OTHER)('%o and %o are two names', async (a, b) => {
  const dir = folder(a);
  expect(sameName(a, b)).toBe(false);
  expect(await otherForm(dir, b)).toBeUndefined();
  expect(onDisk(join(dir, b))).toBeUndefined();
});

test('where both forms are there each is itself, and a third is told by the signs of both', async () => {
  const dir = folder('\u1ec7', 'e\u0302\u0323');
  expect(onDisk(join(dir, '\u1ec7'))).toBe(join(dir, '\u1ec7'));
  expect(onDisk(join(dir, 'e\u0302\u0323'))).toBe(join(dir, 'e\u0302\u0323'));
  expect(() => onDisk(join(dir, '\u1eb9\u0302'))).toThrow('"e\\u{302}\\u{323}" and "\\u{1ec7}"');
  await expect(otherForm(dir, '\u1eb9\u0302')).rejects.toMatchObject({ reason: 'NAME_AMBIGUOUS' });
});

test('each part of a path has its own form', () => {
  const dir = folder();
  const there = join(dir, 'Jose\u0301', '한글');
  mkdirSync(there, { recursive: true });
  writeFileSync(join(there, 'Việt.md'.normalize('NFD')), 'x');
  expect(onDisk(join(dir, 'José', '한글'.normalize('NFD'), 'Việt.md'))).toBe(join(there, 'Việt.md'.normalize('NFD')));
  expect(onDisk(join(dir, 'José', 'nothing', 'Việt.md'))).toBeUndefined();
  expect(onDisk(join(there, 'Việt.md'.normalize('NFD'), 'é'))).toBeUndefined();
});

test('any text has a form, and the form of that is the same; a run of marks costs no more than its length', () => {
  for (let seed = 1; seed < 400; seed++) {
    const signs = Array.from({ length: 12 }, (_, at) => ((seed * 7919 + at * 104_729) % 0x2ffff) + 1);
    const text = String.fromCodePoint(...signs.filter((sign) => sign < 0xd800 || sign > 0xdfff));
    expect(formOf(formOf(text))).toBe(formOf(text));
    expect(sameName(text.normalize('NFD'), text.normalize('NFC'))).toBe(true);
  }
  const run = `a${'\u0323\u0301'.repeat(500_000)}`;
  expect(formOf(run)).toBe(run);
});

test('each part of a path has its form, whatever another part is', () => {
  const marks = `a${'\u0301'.repeat(31)}`;
  for (const name of ['é', '한', 'Å']) {
    const [one, other] = [name.normalize('NFC'), name.normalize('NFD')];
    for (const path of [
      (part: string) => `/r/${part}/${marks}`,
      (part: string) => `${marks}/${part}`,
      (part: string) => `${marks}/${part}/${marks}`,
    ])
      expect(sameName(path(one), path(other))).toBe(true);
  }
  expect(formOf(`/${marks}/b`)).toBe(`/${marks}/b`);
  expect(sameName(`/x/${marks}`, `/x/${marks.normalize('NFC')}`)).toBe(false);
});
