// The small pure parts of the command line.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WatchRunResponseSchema } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { EgressSchema, TextChunkSchema, WithheldReason, WithheldSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { inert, inertJson, inertLine } from '../base/inert.ts';
import { shellQuote } from '../base/shell-quote.ts';
import { widthOf } from '../base/text-columns.ts';
import { parseJson } from './json-input.ts';
import { Printer } from './output.ts';
import { plain } from './plain.ts';
import { bytesText, elapsedText, parseDuration } from './units.ts';
import { sharesFor, withheldLines, withheldSummary } from './withheld-text.ts';

test('no text leaves a character that a terminal obeys or that hides or turns text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
      expect(inert(text)).not.toMatch(/(?![\n\t])\p{Cc}|\p{Bidi_Control}/u);
      expect(inertLine(text)).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
      expect(inertJson({ text })).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
      expect(JSON.parse(inertJson({ text }, 2))).toEqual({ text });
    }),
    { numRuns: 300 },
  );
  expect(inert('家 👩‍👩‍👧 é\tok')).toBe('家 👩‍👩‍👧 é\tok');
});

test('the mistake in JSON is told by line and column', () => {
  const cases: [string, string][] = [
    ['[x]', '1:2'],
    ['{"a": 1,\n "b" 2}', '2:6'],
    ['{"a": tru}', '1:10'],
    ['', '1:1'],
    ['{"a":\n"b', '2:3'],
    ['{"a": 1} x', '1:10'],
    [`{"long": "${'y'.repeat(100)}", "z": q}`, '1:119'],
  ];
  for (const [text, at] of cases) expect(() => parseJson(text, 'f'), text).toThrow(`f:${at}: not valid JSON`);
  expect(parseJson('{"a":[1]}', 'f')).toEqual({ a: [1] });
});

test('messages become plain JSON: numbers, lower-case enums, ISO times, only the case that is set', () => {
  const entry = create(EgressSchema, { path: 'a', bytes: 7n, sensitivity: 4, createTime: timestampFromMs(0) });
  expect(plain(EgressSchema, entry)).toMatchObject({
    path: 'a',
    bytes: 7,
    sensitivity: 'content',
    createTime: '1970-01-01T00:00:00.000Z',
    recipients: [],
  });
  const text = create(TextChunkSchema, { job: 'j', epoch: 1n, text: 't' });
  expect(
    plain(WatchRunResponseSchema, create(WatchRunResponseSchema, { event: { case: 'text', value: text } })),
  ).toEqual({
    text: { job: 'j', epoch: 1, offset: 0, text: 't' },
  });
});

test('a word is quoted so that a shell reads it back', () => {
  expect(shellQuote('docs/a.md')).toBe('docs/a.md');
  expect(shellQuote("it's $HOME `x`")).toBe(`'it'\\''s $HOME \`x\`'`);
});

test('times and sizes', () => {
  expect(['30', '500ms', '1.5m', '1h'].map(parseDuration)).toEqual([30_000, 500, 90_000, 3_600_000]);
  for (const bad of ['', '0', '-1', 'soon', '1d', '1e9', '999h'])
    expect(() => parseDuration(bad), bad).toThrow(/is not a time/);
  expect([999, 1024, 12_300, 5 << 20].map((n) => bytesText(n))).toEqual(['999 bytes', '1 KB', '12 KB', '5 MB']);
  expect([12, 1500, 61_000].map(elapsedText)).toEqual(['12 ms', '1.5 s', '1 min 1 s']);
});

test('colours only on a terminal and not with NO_COLOR; columns count wide characters', () => {
  const written = (isTTY: boolean, env: Record<string, string>) => {
    let all = '';
    new Printer({ write: (text) => (all += text), isTTY }, env).line('x', 'red');
    return all;
  };
  expect(written(true, {})).toContain('\x1b[31m');
  expect([written(true, { NO_COLOR: '1' }), written(true, { TERM: 'dumb' }), written(false, {})]).toEqual([
    'x\n',
    'x\n',
    'x\n',
  ]);
  expect(['ab', '厨房', 'é', '👍'].map(widthOf)).toEqual([2, 4, 1, 2]);
});

test('only what a share would help is offered, with the hint of the box where no root tells the path', () => {
  const item = (name: string, hint: string, field = 'text') =>
    create(WithheldSchema, { field, size: 1, why: WithheldReason.NO_GRANT, name, hint });
  const withheld = [
    item('r/a.md', "--share 'r/a.md'"),
    item('r/a.md', "--share 'r/a.md'", 'total_lines'),
    item('git', 'output: share in config.yaml'),
  ];
  expect(sharesFor(withheld, ['/elsewhere'], '/')).toEqual(['r/a.md']);
});

test('every reason is told in words, with and without a name', () => {
  const reasons = Object.values(WithheldReason).filter((why) => typeof why === 'number');
  for (const why of reasons)
    for (const name of ['', '笔记.md']) {
      const text = [
        ...withheldSummary([{ name, field: 'text', why }]),
        ...withheldLines([{ name, field: 'text', why }]),
      ];
      expect(text.join('\n')).not.toMatch(/[A-Z]{3}|undefined|\d/);
      expect(text.at(-1)).toMatch(/[a-z]{3} [a-z]/);
    }
});

test('what was withheld is a line for each reason, with the first names and a count', () => {
  const item = (name: string, why: string) => ({ name, why, field: 'text' });
  const many = ['a', 'b', 'c', 'a', 'd', '文'].map((name) => item(name, 'NO_GRANT'));
  expect(withheldSummary([...many, item('', 'NO_GRANT'), item('big', 'CAP')])).toEqual([
    'not shared: a, b, c and 2 more',
    'the share met its limit: big',
  ]);
  // That not everything was looked at is said beside the names, too.
  const budget = 'there was more than one call looks at, so something may be missing';
  expect(withheldSummary([item('', 'BUDGET')])).toEqual([budget]);
  expect(withheldSummary([item('a', 'NO_GRANT'), item('', 'BUDGET'), item('', 'NO_GRANT')])).toEqual([
    'not shared: a',
    budget,
  ]);
  expect(withheldSummary([item('', 'NO_GRANT')])).toEqual([]);
  expect(withheldSummary([item('文.md', 'RESTARTED')])).toEqual([
    'no longer shared since the edge started again: 文.md',
  ]);
  // What helps is not the same for each file that does not fit the day.
  const big = { ...item('大.md', 'DAY_CAP'), hint: 'raise it' };
  expect(withheldSummary([big, { ...item('b', 'DAY_CAP'), hint: 'wait' }])).toEqual([
    'does not fit in what may still leave this box today; raise it: 大.md',
    'does not fit in what may still leave this box today; wait: b',
  ]);
  expect(withheldLines([big])).toEqual(['大.md: text, does not fit in what may still leave this box today; raise it']);
  expect(withheldLines([item('文.md', 'RESTARTED')])).toEqual([
    '文.md: text, no longer shared since the edge started again',
  ]);
});
