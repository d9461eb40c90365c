import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { Sensitivity } from '../../gen/bowline/policy/v1/options_pb.ts';
import { EgressSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { egressCsv } from './egress-csv.ts';
import { barOf, MonthSums } from './egress-months.ts';

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
  expect(sums.sums.map((each) => [each.month, each.to, each.content, each.names, each.files.size])).toEqual([
    ['2026-11', 'openai', 37, 0, 1],
    ['2026-11', 'rules', 7, 0, 1],
    ['2026-11', 'control', 0, 99, 0],
    ['2026-10', 'rules', 5, 0, 1],
  ]);
  expect(sums.content).toBe(42);
  const october = new MonthSums('2026-10');
  october.add(line(new Date(2026, 10, 1), '会议.md', 7, ['rules']));
  october.add(line(new Date(2026, 9, 1), 'a.md', 5, ['rules']));
  expect(october.files.map(({ path, content }) => [path, content])).toEqual([['a.md', 5]]);
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
