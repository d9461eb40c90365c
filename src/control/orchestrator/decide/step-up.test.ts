import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { FinishReason } from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { CostBoundSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { EscalationReason, UsageSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { PlayedRun, type PlayOptions } from '../../../../test/support/play-run.ts';
import { failed, failure, methods, read, said } from '../../../../test/support/run-scenario.ts';
import { workerView } from '../../../../test/support/worker-view.ts';
import { routeRules } from '../../../contract/routes/rules.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import { chatRequest } from '../models/chat-request.ts';
import { routesKnown } from '../service/turn-routes.ts';
import type { DecisionInputs } from './draft.ts';

const RULES = `tiers:
  - { name: small, model: s, escalate: { below: 0.6, after_seconds: 20 } }
  - { name: middle, model: m, require: { gpu: "yes" }, escalate: { below: 0.4, on: [schema] } }
  - { name: large, model: l }
rules:
  - { when: { contains: [prove, 证明] }, tier: middle }
`;

const worker = (models: string[], more: Partial<WorkerView> = {}): WorkerView =>
  workerView(models.join(), {
    region: 'eu',
    models: models.map((alias) => ({ alias, provider: alias, locality: 'remote', priceMicrosPerKiloToken: 1 })),
    freeSlots: 0,
    ...more,
  });
const FLEET = [worker(['s']), worker(['m', 'l'], { labels: { gpu: 'yes' } })];
const bound = () => create(CostBoundSchema, { input: 1, output: 2, maxOutputTokens: 1000, prices: 'p' });

function given({ rules = RULES, fleet = FLEET } = {}): DecisionInputs {
  const known = routesKnown({ rules: () => routeRules('routes.yaml', rules), workers: () => fleet });
  return { routes: { ...known.of('t1')!, bound } };
}
const play = (options: PlayOptions = {}, inputs = given()) => new PlayedRun({ given: inputs, ...options });
const tiers = (run: PlayedRun) => [...run.run.jobs.values()].map(({ route }) => route?.tier);
const asked = (run: PlayedRun, place: string) =>
  JSON.stringify(
    chatRequest(run.run, `r1/${place}`, methods).messages.flatMap(({ parts }) => parts.map((p) => p.part.value)),
  );

test('an answer that is less sure than the rules want is asked again one tier up, and the better one is the answer', () => {
  const run = play();
  expect(run.job('0/0')).toMatchObject({ selector: { model: 's' }, timeoutMs: 20_000, bound: undefined });
  expect(run.result('0/0', said({ text: '不确定。', sure: 0.59 }))).toEqual(['jobFinished', 'escalated', 'jobQueued']);
  expect(run.job('1/0')).toMatchObject({
    selector: { model: 'm', gpu: 'yes' },
    route: { tier: 'middle', next: 'large' },
  });
  // The weaker answer is no part of the question, and the room of the better one is reserved by its own bound.
  expect(asked(run, '1/0')).not.toContain('不确定');
  const request = chatRequest(run.run, 'r1/1/0', methods);
  expect(request).toMatchObject({ model: 'm', stateConfidence: true, maxOutputTokens: 1000 });
  const [up] = run.run.escalations;
  expect(up).toMatchObject({ job: 'r1/0/0', fromTier: 'small', toTier: 'middle', confidence: 0.59, below: 0.6 });
  expect(Number(up?.mostMicros)).toBeGreaterThan(2000);
  const usage = create(UsageSchema, { costMicros: 70n });
  run.apply({ type: 'result', job: 'r1/1/0', epoch: 1, result: said({ text: 'Sure.', sure: 0.9 }), usage });
  expect(run.run.outcome).toMatchObject({ answer: 'Sure.', tier: 'middle' });
  expect(run.run.outcome?.escalations).toMatchObject([{ reason: EscalationReason.CONFIDENCE, costMicros: 70n }]);
  expect(run.run.outcome?.escalations[0]?.failure).toBeUndefined();
});

test.each([
  ['sure enough', said({ text: 'A.', sure: 0.6 }), undefined],
  ['nobody says how sure', said({ text: 'A.' }), undefined],
  ['unsure', said({ text: 'A.', sure: 0.1 }), EscalationReason.CONFIDENCE],
  ['it fits no schema', failed({ reason: 'MODEL_OUTPUT_INVALID', code: 13, retryable: true }), EscalationReason.SCHEMA],
  ['it is empty', said({ text: ' ', sure: 1 }), EscalationReason.CHECK],
  ['it is cut', said({ text: 'A', sure: 1, reason: FinishReason.LENGTH }), EscalationReason.CHECK],
  ['it is filtered', said({ text: 'A', sure: 1, reason: FinishReason.FILTERED }), EscalationReason.CHECK],
  ['no tool of it can be called', said({ calls: [{ name: 'sudo', args: {} }] }), EscalationReason.CHECK],
  ['it took too long', failed({ reason: 'DEADLINE_EXCEEDED', code: 4 }), EscalationReason.TIMEOUT],
  ['it failed otherwise, which the rules do not name', failed({ reason: 'PROVIDER_REFUSED', code: 9 }), undefined],
  ['no budget has room for it', failed({ reason: 'BUDGET_EXCEEDED', code: 8 }), undefined],
])('%s', (_what, result, reason) => {
  const run = play();
  run.result('0/0', result);
  expect(run.run.escalations[0]?.reason).toBe(reason);
  expect(tiers(run)).toEqual(reason === undefined ? ['small'] : ['small', 'middle']);
  if (reason === undefined) expect(run.run.phase).not.toBe('running');
});

test('the time of a tier is a timer, and what comes late is charged and no answer', () => {
  const run = play();
  run.at += 20_000;
  expect(run.ring('0/0/timeout')).toEqual(['jobFinished', 'escalated', 'jobQueued']);
  expect(run.run.escalations[0]?.reason).toBe(EscalationReason.TIMEOUT);
  expect(run.result('0/0', said({ text: 'Late.', sure: 1 }))).toEqual([]);
  run.result('1/0', said({ text: 'In time.', sure: 1 }));
  expect(run.run.outcome?.answer).toBe('In time.');
});

test('tools are called at the tier that asked for them, and turns after it stay there', () => {
  const run = play();
  run.result('0/0', said({ text: 'A.', sure: 0 }));
  run.result('1/0', said({ text: 'I look.', calls: [{ name: 'fs_read', args: { path: 'a' } }], sure: 0 }));
  run.result('1/1', read('a', 'text'));
  expect(run.job('2/0')).toMatchObject({ selector: { model: 'm', gpu: 'yes' } });
  run.result('2/0', said({ text: 'B.', sure: 0.3 }));
  expect(tiers(run)).toEqual(['small', 'middle', undefined, 'middle', 'large']);
  // What the tools said stays, what was left does not.
  expect(asked(run, '3/0')).toContain('I look.');
  expect(asked(run, '3/0')).not.toContain('B.');
  run.result('3/0', said({ text: 'C.', sure: 0 }));
  expect(run.run.outcome).toMatchObject({ answer: 'C.', tier: 'large' });
});

test('turns that were left do not count among the turns that a run may have', () => {
  const run = play({ limits: { maxSteps: 2 } });
  run.result('0/0', said({ text: 'A.', sure: 0 }));
  expect(chatRequest(run.run, 'r1/1/0', methods).tools.length).toBeGreaterThan(0);
});

test('where no better answer comes the one before stands, and it is told why', () => {
  const run = play();
  run.result('0/0', said({ text: 'Perhaps.', sure: 0.2 }));
  run.result('1/0', failed({ reason: 'PROVIDER_REFUSED', code: 9 }));
  expect(run.run).toMatchObject({ phase: 'answered', outcome: { answer: 'Perhaps.', tier: 'small' } });
  expect(run.run.outcome?.failure).toBeUndefined();
  expect(run.run.outcome?.escalations).toMatchObject([{ failure: { reason: 'PROVIDER_REFUSED' } }]);
});

test('a whole answer wins over one that was cut one tier up, and a cut one over none', () => {
  const cut = (text: string) => said({ text, sure: 1, reason: FinishReason.LENGTH });
  const run = play(
    {},
    given({ rules: RULES.replace('middle, model: m', 'middle, model: m').replace('on: [schema]', 'on: []') }),
  );
  run.result('0/0', said({ text: 'Whole.', sure: 0.2 }));
  run.result('1/0', cut('Cut'));
  expect(run.run.outcome).toMatchObject({ answer: 'Whole.', tier: 'small' });
  const other = play();
  other.result('0/0', cut('Cut'));
  other.result('1/0', failed({ reason: 'PROVIDER_REFUSED', code: 9 }));
  expect(other.run.outcome).toMatchObject({ answer: 'Cut', failure: { reason: 'ANSWER_CUT' } });
});

test('a budget, or the cost that the asker allows, may have no room for the better turn: the answer before stands', () => {
  const run = play({ maxCostMicros: 2000n });
  const usage = create(UsageSchema, { costMicros: 10n });
  const kinds = run.apply({ type: 'result', job: 'r1/0/0', epoch: 1, result: said({ text: 'A.', sure: 0 }), usage });
  expect(kinds).toEqual(['jobFinished', 'escalated', 'jobQueued', 'jobFinished', 'ended']);
  expect(run.run.outcome).toMatchObject({ answer: 'A.', tier: 'small' });
  expect(run.run.outcome?.escalations).toMatchObject([{ failure: { reason: 'ASK_COST_MET' } }]);
  const met = new Map([['r1/1/0', failure({ reason: 'BUDGET_EXCEEDED', code: 8 })]]);
  const other = play({}, { ...given(), met });
  other.result('0/0', said({ text: 'A.', sure: 0 }));
  expect(other.run.outcome?.escalations).toMatchObject([{ failure: { reason: 'BUDGET_EXCEEDED' } }]);
});

test('a tier that nobody serves is passed over, at the beginning and upward; where none is left the answer stands', () => {
  const small = worker(['s']);
  const large = worker(['l']);
  const over = play({}, given({ fleet: [small, large] }));
  over.result('0/0', said({ text: 'A.', sure: 0 }));
  expect(tiers(over)).toEqual(['small', 'large']);
  expect(tiers(play({}, given({ fleet: [large] })))).toEqual(['large']);
  const alone = play({}, given({ fleet: [small] }));
  alone.result('0/0', said({ text: 'A.', sure: 0 }));
  expect(alone.run).toMatchObject({ phase: 'answered', escalations: [] });
  // What is for the eyes of one provider alone goes to no other, however unsure the answer.
  const bound = play({ recipients: ['s'] });
  bound.result('0/0', said({ text: 'A.', sure: 0 }));
  expect(bound.run).toMatchObject({ phase: 'answered', escalations: [] });
});

test.each<[string, PlayOptions, string, string | undefined]>([
  ['as the rules say', { text: 'Please PROVE it' }, 'middle', undefined],
  ['in any language', { text: '请证明这一点' }, 'middle', undefined],
  ['as its owner says', { asked: { tier: 'large' }, text: 'prove' }, 'large', undefined],
  ['one tier up', { asked: { better: true } }, 'middle', 'small'],
  ['one tier up from the rule', { asked: { better: true }, text: 'prove' }, 'large', 'middle'],
  ['one tier up from what answered before', { asked: { better: true }, tierBefore: 'middle' }, 'large', 'middle'],
  ['nowhere above the last', { asked: { better: true }, tierBefore: 'large' }, 'large', undefined],
])('a run begins %s', (_what, options, tier, from) => {
  const run = play(options);
  expect(tiers(run)).toEqual([tier]);
  expect(run.run.escalations[0]?.fromTier).toBe(from);
  if (from === undefined) return;
  expect(run.run.escalations[0]).toMatchObject({ job: '', toTier: tier, reason: EscalationReason.OWNER });
  expect(Number(run.run.escalations[0]?.mostMicros)).toBeGreaterThan(0);
});
