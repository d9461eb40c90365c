import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LedgerRecordSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { extract } from './extract.ts';
import { mask } from './mask.ts';
import { Summaries } from './summaries.ts';

const SETTINGS = { enabled: true, max_chars: 400, percent: 5 };
const DAY = 86_400_000;

const ENGLISH = `# Launch plan for the northern stations

The launch date of the first station was moved to early spring because of ice. Nobody outside may know it yet.
The second sentence of a paragraph never leaves.

## Open questions about the supply ships

Who pays for the second supply ship remains undecided until the council meets. The password is hunter2horse.

password: correct-horse-battery
Call me at +49 171 1234567 or write to someone@example.org about AKIAIOSFODNN7EXAMPLE.

    indented_code(secret)
| a | table | row |
`.repeat(6);

const CHINESE = `# 北方站点的发射计划

由于冰情严重第一座站点的发射日期被推迟到初春时节。外面的人现在还不能知道这件事情。

## 关于补给船的若干未决问题

第二艘补给船的费用由谁承担要等到理事会开会以后才能决定。密码是芝麻开门请记住。二〇二七年三月十四日正式开始。
`.repeat(12);

/** Sentences and lines as a reader sees them. */
const sentences = (text: string) =>
  text
    .split(/[.!?\n\u3002\uff01\uff1f]+/u)
    .map((one) => one.replace(/^[#\s]+/, '').trim())
    .filter((one) => [...one].length > 5);

test.each([
  ['English', ENGLISH, 'Launch'],
  ['Chinese', CHINESE, '北方站点'],
])('an extract of %s text says what it is about and holds no whole sentence', (_, text, topic) => {
  const summary = extract(text, { chars: 400 });
  expect(summary).toContain(topic);
  expect([...summary].length).toBeLessThanOrEqual(400);
  for (const sentence of sentences(text)) expect(summary).not.toContain(sentence);
});

test('at most half of any sentence is in an extract', () => {
  for (const text of [ENGLISH, CHINESE]) {
    const parts = extract(text, { chars: 400 })
      .split('…')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    for (const part of parts) {
      const from = sentences(text).filter((sentence) => sentence.includes(part));
      for (const sentence of from) expect([...part].length).toBeLessThanOrEqual([...sentence].length / 2);
    }
  }
});

test('secrets and numbers are masked first, in every script', () => {
  const masked = mask(
    `${ENGLISH}${CHINESE} eyJhbGciOi.eyJzdWIiOi.c2ln ghp_16C7e42F292c6912E7 https://u:p@h/x?y=1 １２３ ٤٥ 三百二十元`,
  );
  for (const secret of [
    'hunter2horse',
    'correct-horse',
    '1234567',
    'someone@',
    'AKIA',
    '芝麻开门',
    '十四',
    '二〇二七',
    'eyJ',
    'ghp_',
    'u:p',
    '１',
    '٤',
    '三百',
  ]) {
    expect(masked).not.toContain(secret);
  }
  expect(mask('key '.repeat(10)).length).toBeLessThanOrEqual(40);
});

test('masking never makes a text longer, and an extract never holds a line of any text whole', () => {
  const line = fc.string({
    unit: fc.constantFrom('a', 'b', ' ', '.', ',', '7', '字', '日', '。', '#', '-', ':', '@', '\t'),
    maxLength: 60,
  });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
      const text = lines.join('\n');
      expect(mask(text).length).toBeLessThanOrEqual(text.length);
      const summary = extract(text, { chars: 400 });
      for (const part of summary.split('…').map((one) => one.trim())) {
        if (part === '') continue;
        for (const own of lines)
          if (own.trim().replace(/^#+\s+/, '') === part) throw new Error(`a whole line: ${part}`);
      }
    }),
    { numRuns: 200 },
  );
});

const file = (text: string, hash = 'h') => ({ name: 'docs/a.md', hash, text, bytes: Buffer.byteLength(text) });

test('per file and day at most 400 characters and 5 % leave; the same content costs nothing more', () => {
  const summaries = new Summaries(SETTINGS);
  const now = 100 * DAY;
  const first = summaries.give(file(ENGLISH), now) ?? '';
  expect([...first].length).toBeLessThanOrEqual(Math.min(400, [...ENGLISH].length * 0.05));
  expect(first.length).toBeGreaterThan(20);
  expect(summaries.give(file(ENGLISH), now)).toBe(first);
  let given = [...first].length;
  for (let i = 0; i < 200; i++)
    given += [...(summaries.give(file(`${i} changed\n\n${ENGLISH}`, `h${i}`), now) ?? '')].length;
  expect(given).toBeLessThanOrEqual(400);
  expect(summaries.give(file(ENGLISH, 'new'), now)).toBeUndefined();
  expect(summaries.give(file(ENGLISH, 'new'), now + DAY)).toBe(first);
});

test('small files and a disabled setting give nothing', () => {
  expect(new Summaries(SETTINGS).give(file('Launch plan is here. '.repeat(40)), 0)).toBe('');
  expect(new Summaries({ ...SETTINGS, enabled: false }).give(file(ENGLISH), 0)).toBe('');
});

test('a restart does not renew the budget', () => {
  const summaries = new Summaries(SETTINGS);
  const now = 100 * DAY;
  const line = { path: 'docs/a.md', field: 'summary', sensitivity: Sensitivity.SUMMARY, bytes: 400n };
  const value = create(LedgerRecordSchema, { entries: [line] });
  summaries.apply({ sequence: 1, at: now, record: { case: 'ledger', value } });
  expect(summaries.give(file(ENGLISH), now)).toBeUndefined();
});
