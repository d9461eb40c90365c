import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { FailureSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { Effect } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';
import { retryPlan } from './retry-plan.ts';

const EFFECTS: Record<string, { effect: Effect; idempotent: boolean }> = {
  read: { effect: Effect.READ, idempotent: false },
  net: { effect: Effect.NETWORK, idempotent: true },
  write: { effect: Effect.WRITE, idempotent: false },
};
const methods = { byFullName: (name: string) => EFFECTS[name] } as unknown as MethodRegistry;
const failure = create(FailureSchema);
const job = (method: string, phase: string, result = 'failure', more: object = {}) =>
  ({ id: method, method, phase, role: 'turn', endedAt: 1, result: { result: { case: result, value: failure } }, ...more }) as unknown as FoldedJob; // biome-ignore format: one line
const run = (jobs: FoldedJob[], more: object = {}) =>
  ({ kind: 'call', phase: 'failed', jobs: new Map(jobs.map((each) => [each.id, each])), requestDigest: new Uint8Array(), ...more }) as unknown as FoldedRun; // biome-ignore format: one line

const twice = /done twice/;
test.each<[string, FoldedJob[], object, string | RegExp]>([
  ['waits for its next attempt', [job('write', 'retrying')], { phase: 'running' }, 'now'],
  ['is under way', [job('read', 'running', 'x', { endedAt: undefined })], { phase: 'running' }, /under way/],
  ['failed in a run that goes on', [job('read', 'failed')], { phase: 'running' }, /goes on without it/],
  ['is done', [job('read', 'done', 'done')], {}, /is done/],
  ['failed and only read', [job('read', 'failed')], {}, 'again'],
  ['is unknown, and may be repeated', [job('net', 'unknown', 'unknown')], {}, 'again'],
  ['is unknown, and may have changed something', [job('write', 'unknown', 'unknown')], {}, twice],
  ['failed, and may have changed something', [job('write', 'failed')], {}, twice],
  ['never started', [job('write', 'failed', 'neverStarted')], {}, 'again'],
  ['failed after another one changed something', [job('read', 'failed'), job('write', 'done', 'done')], {}, twice],
  ['failed beside a method that nobody knows', [job('read', 'failed'), job('gone', 'failed')], {}, twice],
  ['was asked by a box', [job('read', 'failed')], { kind: 'ask' }, /ask it there again/],
  ['was asked by an owner', [job('read', 'failed')], { kind: 'ask', requestDigest: new Uint8Array([1]) }, 'again'],
])('a job that %s', (_what, jobs, more, expected) => {
  const plan = retryPlan(run(jobs, more), jobs[0]!, methods);
  if (typeof expected === 'string') expect(plan).toEqual({ how: expected });
  else expect('whyNot' in plan && plan.whyNot).toMatch(expected);
});
