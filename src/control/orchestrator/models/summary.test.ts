// The rolling summary: made after the answer, waited for by nobody, used by the next run.
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Role } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { TurnSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { Taint } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { UsageSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { PlayedRun, type PlayOptions } from '../../../../test/support/play-run.ts';
import { failed, methods, said } from '../../../../test/support/run-scenario.ts';
import { DEFAULT_RUN_LIMITS } from '../run/limits.ts';
import { chatRequest } from './chat-request.ts';
import { HistoryDraft, pastSummary, pastTurn } from './history.ts';
import { isSummingUp, summaryOf } from './summary.ts';

const turn = (n: number, length = 10) =>
  create(TurnSchema, { run: `r${n}`, text: `Q${n} ${'x'.repeat(length)}`, answer: `A${n}`, grants: [`g${n}`] });

const played = (options: PlayOptions = {}): PlayedRun =>
  new PlayedRun({ tools: [], limits: { summaryTurns: 3 }, history: [turn(1), turn(2)], ...options });

/** Answered, and its summary is being made. */
function summing(options: PlayOptions = {}): PlayedRun {
  const run = played(options);
  expect(run.result('0/0', said({ text: 'An answer.' }))).toEqual(['jobFinished', 'jobQueued', 'ended']);
  return run;
}

const texts = (run: PlayedRun, place: string) =>
  chatRequest(run.run, `r1/${place}`, methods).messages.map(({ role, parts }) => [
    role,
    parts.map(({ part }) => (part.case === 'text' ? part.value : '')).join(''),
  ]);

test('the run ends at once; the summary is made after it, charged and kept', () => {
  const run = summing({ recipients: ['rules'] });
  expect(run.run).toMatchObject({ phase: 'answered', outcome: { answer: 'An answer.' } });
  expect(run.run.outcome?.jobs.map(({ id }) => id)).toEqual(['r1/0/0']);
  expect(run.job('0/1000')).toMatchObject({ role: 'summary', phase: 'queued', recipients: ['rules'] });
  expect(isSummingUp(run.run)).toBe(true);
  const usage = create(UsageSchema, { inputTokens: 7n });
  const result = said({ text: ' They spoke of knots. ' });
  expect(run.apply({ type: 'result', job: 'r1/0/1000', epoch: 1, result, usage })).toEqual(['jobFinished']);
  expect(summaryOf(run.run)).toBe('They spoke of knots.');
  expect(run.run.usage.inputTokens).toBe(7);
  expect(run.run.outcome?.usage?.inputTokens).toBe(0n);
});

test('the model is given the summary before, the turns since and this one, as data', () => {
  const run = summing({ summary: 'Before that, ropes.', text: 'And now?' });
  const [system, data, ...more] = texts(run, '0/1000');
  expect(system).toEqual([Role.SYSTEM, expect.stringMatching(/^Sum up this conversation/)]);
  expect(data?.[0]).toBe(Role.USER);
  expect(data?.[1]).toMatch(
    /^Summary so far: Before that, ropes\.\n\nOwner: Q1 x+\nBowline: A1\n\nOwner: Q2 x+\nBowline: A2\n\nOwner: And now\?\nBowline: An answer\.$/,
  );
  expect(more).toEqual([]);
});

test('what is summed up is bounded, however long the turns are', () => {
  const run = summing({ history: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => turn(n, 30_000)) });
  const [, data] = texts(run, '0/1000');
  expect(data?.[1]?.toString().length).toBeLessThanOrEqual(50_000);
  expect(data?.[1]).toMatch(/Bowline: An answer\.$/);
});

test('a failed, lost or late summary is simply gone', () => {
  const broken = summing();
  expect(broken.result('0/1000', failed({ reason: 'PROVIDER_UNAVAILABLE', code: 14, retryable: true }))).toEqual([
    'jobFinished',
  ]);
  expect([summaryOf(broken.run), isSummingUp(broken.run)]).toEqual(['', false]);
  const slow = summing();
  expect(slow.ring('0/1000/timeout')).toEqual(['jobFinished']);
  expect(slow.result('0/1000', said({ text: 'Late.' }))).toEqual([]);
  expect(summaryOf(slow.run)).toBe('');
  const unreadable = summing();
  unreadable.result('0/1000', { case: undefined });
  expect(summaryOf(unreadable.run)).toBe('');
});

test.each<[string, PlayOptions]>([
  ['early in a conversation', { history: [turn(1)] }],
  ['where it is switched off', { limits: { summaryTurns: 0 } }],
  ['when the money is spent', { limits: { summaryTurns: 3, maxCostMicros: 1 } }],
])('nothing is summed up %s', (_when, options) => {
  const run = played(options);
  const usage = create(UsageSchema, { costMicros: 1n });
  const answer = { type: 'result', job: 'r1/0/0', epoch: 1, result: said({ text: 'An answer.' }), usage } as const;
  expect(run.apply(answer)).toEqual(['jobFinished', 'ended']);
});

test('long turns are summed up before their number is reached; a run that failed never is', () => {
  expect(isSummingUp(summing({ history: [turn(1, 16_000)] }).run)).toBe(true);
  const failing = played();
  failing.result('0/0', said({ text: '' }));
  expect(failing.run.phase).toBe('failed');
  expect(failing.run.jobs.size).toBe(1);
});

test('the next run is shown the summary instead of what it covers, with its grants and taints', () => {
  const run = summing({ recipients: ['rules'], taints: [Taint.PRIVATE], summary: 'Older.' });
  run.result('0/1000', said({ text: 'Knots.' }));
  const summary = pastSummary(run.run)!;
  expect(summary).toMatchObject({
    text: 'Knots.',
    taints: [Taint.PRIVATE],
    grants: ['g1', 'g2'],
    recipients: ['rules'],
  });
  const draft = new HistoryDraft(DEFAULT_RUN_LIMITS, []);
  expect(draft.sumUp(summary)).toBe(true);
  const { recipients, turns, ...history } = draft.finish();
  expect([recipients, turns]).toEqual([['rules'], []]);
  const next = new PlayedRun({ tools: [], ...history, taints: [...history.taints], recipients: [...recipients] });
  expect(next.run).toMatchObject({ summary: 'Knots.', summaryGrants: ['g1', 'g2'], brought: [Taint.PRIVATE] });
  const [, asked, answer] = texts(next, '0/0');
  expect(asked?.[0]).toBe(Role.USER);
  expect(answer).toEqual([Role.ASSISTANT, 'Knots.']);
  next.result('0/0', said({ text: 'More.' }));
  expect(pastTurn(next.run)?.turn).toMatchObject({ grants: ['g1', 'g2'], taints: [Taint.PRIVATE] });
});

test('a summary for other recipients is left out', () => {
  const run = summing({ recipients: ['rules'] });
  run.result('0/1000', said({ text: 'Knots.' }));
  const draft = new HistoryDraft(DEFAULT_RUN_LIMITS, ['openai']);
  expect(draft.sumUp(pastSummary(run.run)!)).toBe(false);
  expect(draft.finish()).toMatchObject({ summary: '', taints: [], recipients: ['openai'] });
});
