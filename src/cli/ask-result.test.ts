import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EndedSchema, SharedSchema } from '../../gen/bowline/local/v1/local_pb.ts';
import { RunState, WithheldReason } from '../../gen/bowline/run/v1/run_pb.ts';
import { type AskResult, exitOfAsk, unsharedOf } from './ask-result.ts';

const result = (paths: string[], withheld: { name: string; why: WithheldReason }[]): AskResult => ({
  run: 'r',
  conversation: 'c',
  shared: create(SharedSchema, { paths }),
  jobs: new Map(),
  ended: create(EndedSchema, {
    outcome: { state: RunState.ANSWERED, withheld: withheld.map((each) => ({ ...each, field: 'text' })) },
  }),
  answeredBy: '',
  sent: true,
  approval: false,
  approvals: new Map(),
  askedToShare: new Set(),
  waitsFor: '',
  late: false,
});

test('what does not fit the day is missing, too, though its share stands', () => {
  const asked = result(['d/大.md'], [{ name: 'd/大.md', why: WithheldReason.DAY_CAP }]);
  expect(exitOfAsk(asked)).toBe(8);
  expect(unsharedOf(asked)).toEqual([]);
});

test.each([
  ['a share that ended', ['d/a.md'], 'd/a.md', WithheldReason.NO_GRANT, 8],
  ['lines of one that ended', ['d/a.md#L1-L4'], 'd/a.md', WithheldReason.NO_GRANT, 8],
  ['one that met its cap', ['d/a.md'], 'd/a.md', WithheldReason.CAP, 8],
  ['a file that changed after it was shared', ['d/a.md'], 'd/a.md', WithheldReason.CHANGED, 8],
  ['lines that were not shared', ['d/a.md#L1-L4'], 'd/a.md', WithheldReason.RANGE, 0],
  ['another file', ['d/a.md'], 'd/b.md', WithheldReason.NO_GRANT, 0],
  ['nothing was shared', [], 'd/a.md', WithheldReason.NO_GRANT, 0],
] as const)('an answer without what was shared is one in part: %s', (_what, paths, name, why, exit) => {
  const asked = result([...paths], [{ name, why }]);
  expect(exitOfAsk(asked)).toBe(exit);
  expect(unsharedOf(asked)).toEqual(exit === 8 ? [name] : []);
});
