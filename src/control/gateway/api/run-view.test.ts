import { expect, test } from 'vitest';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { said } from '../../../../test/support/run-scenario.ts';
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
