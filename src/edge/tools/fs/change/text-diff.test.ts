import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withTurnWatch } from '../../../../../test/support/turn-watch.ts';
import { DIFF_BYTES, isDiffable, textDiff } from './text-diff.ts';

const diffOf = async (before: string, after: string, skipped = 0) =>
  textDiff(Buffer.from(before), Buffer.from(after), skipped);

/** Does what a diff says; throws where it does not fit. */
function applied(before: string, diff: string): string {
  const old = before.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const out: string[] = [];
  let at = 0;
  const rows = diff.match(/[^\n]*\n/g) ?? [];
  for (const [i, row] of rows.entries()) {
    const head = /^@@ -(\d+),(\d+) \+(\d+),(\d+) @@\n$/.exec(row);
    const text = rows[i + 1]?.startsWith('\\') ? row.slice(1, -1) : row.slice(1);
    if (head) {
      const from = Number(head[1]) - (head[2] === '0' ? 0 : 1);
      while (at < from) out.push(old[at++]!);
      expect(out.length).toBe(Number(head[3]) - (head[4] === '0' ? 0 : 1));
    } else if (row.startsWith('+')) out.push(text);
    else if (!row.startsWith('\\')) {
      expect(old[at]).toBe(text);
      if (row.startsWith(' ')) out.push(text);
      at++;
    }
  }
  return [...out, ...old.slice(at)].join('');
}

test('a diff shows what changes with three lines around it', async () => {
  const text = Array.from({ length: 20 }, (_, i) => `第 ${i + 1} 行\n`).join('');
  const { diff, linesCut } = await diffOf(text, text.replace('第 10 行', 'ten').replace('第 18 行\n', ''));
  expect(linesCut).toBe(0);
  expect(diff).toBe(
    '@@ -7,7 +7,7 @@\n 第 7 行\n 第 8 行\n 第 9 行\n-第 10 行\n+ten\n 第 11 行\n 第 12 行\n 第 13 行\n' +
      '@@ -15,6 +15,5 @@\n 第 15 行\n 第 16 行\n 第 17 行\n-第 18 行\n 第 19 行\n 第 20 行\n',
  );
});

test('a diff says which text has no end of line at its end, and where it begins in a longer text', async () => {
  expect((await diffOf('a', 'a\nb', 7)).diff).toBe(
    '@@ -8,1 +8,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n',
  );
  expect((await diffOf('', 'a\n')).diff).toBe('@@ -0,0 +1,1 @@\n+a\n');
  expect((await diffOf('a\n', '')).diff).toBe('@@ -1,1 +0,0 @@\n-a\n');
  expect((await diffOf('a\n', 'a\n')).diff).toBe('');
});

test('what a diff says, done to the old text, is the new text', async () => {
  const line = fc.constantFrom('a\n', 'b\n', '\n', '文\n', 'a\r\n', 'c');
  const text = fc.array(line, { maxLength: 40 }).map((lines) => lines.join(''));
  await fc.assert(
    fc.asyncProperty(text, text, async (before, after) => {
      const { diff, linesCut } = await diffOf(before, after);
      expect(linesCut).toBe(0);
      expect(applied(before, diff)).toBe(after);
    }),
    { numRuns: 300 },
  );
});

test('texts that differ in hundreds of lines are still compared line by line', async () => {
  const lines = Array.from({ length: 3000 }, (_, i) => `l${i}\n`);
  const now = lines.map((line, i) => (i % 4 === 0 ? `${i}\n` : line));
  const { diff, linesCut } = await diffOf(lines.join(''), now.join(''));
  expect(applied(lines.join(''), diff)).toBe(now.join(''));
  expect(linesCut).toBe(0);
  expect(diff.match(/^-/gm)).toHaveLength(750);
});

const MIB = 1 << 20;
/** Lines of two kinds in an order that no rule describes. */
function mixed(seed: number, lines: number): Buffer {
  let x = seed;
  const next = () => {
    x = (Math.imul(x, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (x >> 16) % 2 === 0 ? 'a\n' : 'b\n';
  };
  return Buffer.from(Array.from({ length: lines }, next).join(''));
}
const of = (text: string, times: number) => Buffer.from(text.repeat(times));
const HOSTILE: readonly (readonly [string, Buffer, Buffer])[] = [
  ['one letter', Buffer.alloc(MIB, 'a'), Buffer.alloc(MIB - 1, 'a')],
  ['one letter, and another', Buffer.alloc(MIB, 'a'), Buffer.alloc(MIB, 'b')],
  ['empty lines', Buffer.alloc(MIB, '\n'), Buffer.alloc(MIB / 2, '\n')],
  ['empty lines between others', of(`a${'\n'.repeat(MIB)}b`, 1), of(`b${'\n'.repeat(MIB)}a`, 1)],
  ['two lines in turn', of(`x\n${'a\nb\n'.repeat(8_000)}z`, 1), of(`y\n${'b\na\n'.repeat(8_000)}w`, 1)],
  ['lines at random', mixed(1, 16_000), mixed(2, 16_000)],
  ['all lines new', of('ab\n', 16_000), of('cd\n', 16_000)],
  ['signs of three bytes', of('文', MIB / 3), of('字', MIB / 3)],
];
test('hostile texts: a diff is bounded, says what it cut, and no turn of the event loop is long', async () => {
  await withTurnWatch(
    HOSTILE,
    async ([name, before, after]) => {
      const { diff, linesCut } = await textDiff(before, after);
      expect(Buffer.byteLength(diff)).toBeLessThanOrEqual(DIFF_BYTES);
      expect(diff, name).toMatch(/^-/m);
      expect(diff).not.toContain('\ufffd');
      if (linesCut === 0) expect(applied(before.toString(), diff)).toBe(after.toString());
    },
    { name: ([name]) => name },
  );
});

test('lines that are not shown are counted, old and new alike', async () => {
  const { diff, linesCut } = await diffOf('ab\n'.repeat(400_000), 'cd\n'.repeat(400_001));
  expect(linesCut + diff.match(/^[-+]/gm)!.length).toBe(800_001);
  expect(diff.match(/^-/gm)!.length).toBeGreaterThan(5_000);
  expect(diff.match(/^\+/gm)!.length).toBeGreaterThan(5_000);
});

test('only UTF-8 without NUL is compared', () => {
  expect([Buffer.from('文\n'), Buffer.alloc(0), Buffer.from([97, 0]), Buffer.from([0xff])].map(isDiffable)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
