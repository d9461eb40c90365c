import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { Sensitivity } from '../../gen/bowline/policy/v1/options_pb.ts';
import { EgressSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { egressCsv } from './egress-csv.ts';
import { barOf, MonthSums } from './egress-months.ts';
import { kindsText } from './egress-text.ts';

const { CONTENT, NAME } = Sensitivity;
const line = (at: Date, path: string, bytes: number, recipients: string[], sensitivity: Sensitivity = CONTENT) =>
  create(EgressSchema, {
    run: path,
    path,
    field: 'text',
    sensitivity,
    bytes: BigInt(bytes),
    recipients,
    createTime: timestampFromMs(at.getTime()),
  });

test('months are told apart by local time; each recipient has all that it got, and the sum counts a byte once', () => {
  const sums = new MonthSums();
  sums.add(line(new Date(2026, 9, 31, 23, 59, 59), 'a.md', 5, ['rules']));
  sums.add(line(new Date(2026, 10, 1), '会议.md', 7, ['rules', 'openai']));
  sums.add(line(new Date(2026, 10, 30), '会议.md', 30, ['openai']));
  sums.add(line(new Date(2026, 10, 30), '', 99, ['control'], NAME));
  expect(sums.sums.map((each) => [each.month, each.to, each.content, each.names, each.of.file.size])).toEqual([
    ['2026-11', 'openai', 37, 0, 1],
    ['2026-11', 'rules', 7, 0, 1],
    ['2026-11', 'control', 0, 99, 0],
    ['2026-10', 'rules', 5, 0, 1],
  ]);
  expect(sums.content).toBe(42);
  const october = new MonthSums('2026-10');
  october.add(line(new Date(2026, 10, 1), '会议.md', 7, ['rules']));
  october.add(line(new Date(2026, 9, 1), 'a.md', 5, ['rules']));
  expect(october.sources.map(({ path, content }) => [path, content])).toEqual([['a.md', 5]]);
});

test('files, commands and servers are told apart; what counts for the day cap is summed, and each line says it', () => {
  const sums = new MonthSums();
  const at = new Date(2026, 10, 30);
  const under = (path: string, grant: string, bytes: number) => ({ ...line(at, path, bytes, ['openai']), grant });
  const lines = [
    under('资料/a.md', 'g-1', 5),
    under('sh', 'config:execute/a56ef7f1f0f385e4', 7),
    under('heating', 'config:lan/heating/a8f2f274b44985c0', 11),
    under('', 'ask', 100),
    under('', 'owner:k', 1000),
  ];
  for (const each of lines) sums.add(each);
  const [{ of }] = sums.sums as [(typeof sums.sums)[number]];
  expect([of.file, of.command, of.server].map((each) => [...each])).toEqual([['资料/a.md'], ['sh'], ['heating']]);
  expect(sums.sources.map(({ kind, path }) => [kind, path])).toEqual([
    ['server', 'heating'],
    ['command', 'sh'],
    ['file', '资料/a.md'],
  ]);
  expect([sums.content, sums.counted]).toEqual([1123, 23]);
  expect(lines.map((each) => egressCsv(each).split(',').at(-1))).toEqual(['yes', 'yes', 'yes', 'no', 'no']);
  expect(kindsText({ file: 0, command: 0, server: 1 })).toBe('1 server');
  expect(kindsText({ file: 2, command: 1, server: 0 })).toBe('2 files, 1 command');
});

test('a bar is as long as its part, and never nothing for something', () => {
  expect(barOf(100, 100)).toBe('█'.repeat(16));
  expect(barOf(50, 100)).toBe('█'.repeat(8));
  expect(barOf(1, 1_000_000)).toBe('▏');
  expect(barOf(0, 100)).toBe('');
});

test('a name in a row of CSV is no formula, and has no sign that turns or hides text', () => {
  const row = egressCsv(line(new Date(0), '=HYPERLINK("x"),\u202e\n.md', 1, ['a', 'b']));
  expect(row).toMatch(/^1970-01-01T00:00:00\.000Z,/);
  expect(row).toContain(`"'=HYPERLINK(""x""),`);
  expect(row).not.toMatch(/[\u202e\n]/);
  expect(row).toContain('"a; b"');
});
