import { expect, test } from 'vitest';
import { routeRules } from '../../../contract/routes/rules.ts';
import type { Attempt } from '../attempts/attempts.ts';
import type { RelayRow } from './relay.ts';
import { WarmWorkers } from './warm-workers.ts';

const rules = (more: string) => routeRules('r.yaml', `tiers: [{ name: a }]\n${more}`);
const ended = (worker: string, conversation = 'c') =>
  ({ tenant: 't', conversation, capability: 'llm', session: { id: worker } }) as Attempt;
const row = (more: Partial<RelayRow> = {}) => ({ tenant: 't', run: 'r', capability: 'llm', ...more }) as RelayRow;

test('the last worker of a conversation is warm for its capability and tenant, and labels are liked as the rules say', () => {
  const warm = new WarmWorkers({
    rules: () => rules('warm: 2\nprefer: [{ label: disk, value: ssd, weight: 1 }]'),
    conversationOf: () => 'c',
  });
  const labels = [{ label: 'disk', value: 'ssd', weight: 1 }];
  expect(warm.likingFor(row())).toEqual({ labels, warm: undefined });
  warm.ended(ended('w1'));
  warm.ended(ended('w2'));
  warm.ended(ended('w3', ''));
  expect(warm.likingFor(row())).toEqual({ labels, warm: { worker: 'w2', weight: 2 } });
  expect(warm.likingFor(row({ conversation: 'other' }))?.warm).toBeUndefined();
  expect(warm.likingFor(row({ capability: 'web' }))?.warm).toBeUndefined();
  expect(warm.likingFor(row({ tenant: 'u' }))?.warm).toBeUndefined();
});

test('without rules, or where nothing is liked, nothing is looked up', () => {
  const conversationOf = () => {
    throw new Error('looked up');
  };
  expect(new WarmWorkers({ rules: () => undefined, conversationOf }).likingFor(row())).toBeUndefined();
  expect(new WarmWorkers({ rules: () => rules(''), conversationOf }).likingFor(row())).toBeUndefined();
});
