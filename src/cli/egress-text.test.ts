// What a line of the ledger is about, as people read it.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { EgressSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { egressLines, egressName } from './egress-text.ts';
import { newestGroups } from './read-ledger.ts';

test.each([
  ['ask.text', '(the ask)'],
  ['user_event.text', '(the ask)'],
  ['user_event.shares.files.path', '(the ask)'],
  ['device.name', '(this device)'],
  ['asked', '(this device)'],
])('a line without a path: %s is about %s', (field, name) => {
  expect(egressName({ path: '', field })).toBe(name);
});

test('a line with a path is about that', () => {
  expect(egressName({ path: 'notes/launch.md', field: 'text' })).toBe('notes/launch.md');
});

const line = (run: string, path: string, field: string, bytes: number, at = 0) =>
  create(EgressSchema, { run, path, field, bytes: BigInt(bytes), createTime: timestampFromMs(at) });

test('a limit counts whole groups: what is shown of a file is all that left of it', () => {
  const lines = [
    line('r2', 'b.md', 'text', 100),
    line('r2', '', 'ask.text', 16),
    line('r2', 'b.md', 'file.path', 8),
    line('', '', 'hello.name', 5, 9_000),
    line('r1', 'a.md', 'text', 208),
    line('', '', 'hello.name', 7, 1_000),
  ];
  const { groups, more } = newestGroups(lines, { limit: 3, run: '', each: false });
  expect(groups.map(({ entry, bytes }) => [entry.path, Number(bytes)])).toEqual([
    ['b.md', 108],
    ['', 16],
    ['', 5],
  ]);
  expect(more).toBe(true);
  expect(newestGroups(lines, { limit: 5, run: '', each: false })).toMatchObject({ more: false });
  expect(newestGroups(lines, { limit: 9, run: 'r1', each: true }).groups).toHaveLength(1);
});

test('lines for people are those of the groups: one for each file, however many fields left', () => {
  const lines = [
    line('r1', '笔记.md', 'text', 100),
    line('r1', '笔记.md', 'file.path', 8),
    line('r1', '', 'ask.text', 0),
  ];
  expect(egressLines(lines)).toEqual(['  笔记.md  108 bytes', '  (the ask)']);
});
