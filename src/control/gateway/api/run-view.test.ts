import { expect, test } from 'vitest';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { said } from '../../../../test/support/run-scenario.ts';
import { ERRORS } from '../../../base/errors.ts';
import { runRow } from '../../orchestrator/decide/projection.ts';
import { runView } from './run-view.ts';

test('a run shows the model that answered, once it has answered', () => {
  const run = new PlayedRun();
  expect(runView(runRow(run.run)).outcome).toBeUndefined();
  run.result('0/0', said({ text: 'On Friday.' }));
  expect(runView(runRow(run.run)).outcome).toMatchObject({
    answer: 'On Friday.',
    model: { provider: 'rules', name: 'rules-1', local: true },
  });
});

test('a run that was cancelled names no model', () => {
  const run = new PlayedRun();
  run.apply({ type: 'cancel', principal: 'owner', requestId: 'x' });
  const { outcome } = runView(runRow(run.run));
  expect(outcome).toBeDefined();
  expect(outcome?.model).toBeUndefined();
});

test('a failure that was stored as its reason alone has a text without holes', () => {
  const run = new PlayedRun();
  run.apply({ type: 'cancel', principal: 'owner', requestId: 'x' });
  const row = runRow(run.run);
  const told = (reason: string) =>
    runView({ ...row, createdAt: 1_000, endedAt: 6_000, reason }).outcome?.failure?.message ?? '';
  expect(told('DEADLINE_EXCEEDED')).toBe('the deadline passed after 5 s');
  expect(told('OF_A_NEWER_VERSION')).toBe('OF_A_NEWER_VERSION');
  for (const reason of Object.keys(ERRORS)) {
    expect(told(reason), reason).toMatch(/[a-z]{3}/);
    expect(told(reason), reason).not.toMatch(/[:;.] …$|… …|[\s:;,]$/);
  }
});
