// Hard budgets and routing rules through the real control plane: asks of an edge, answers of workers, and what is left of the money.
import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BudgetPeriod, BudgetScope, BudgetService } from '../../gen/bowline/control/v1/budget_service_pb.ts';
import { RouteService } from '../../gen/bowline/control/v1/route_service_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { EscalationReason, type Outcome, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { homePaths } from '../../src/base/home.ts';
import { newId } from '../../src/base/ids.ts';
import { eventually, TestControl } from '../support/control-plane.ts';
import { WorkerStream } from '../support/fake-worker.ts';

let control: TestControl;
beforeAll(async () => {
  control = await TestControl.start({ config: { unknownPrice: 1, budgetOutputTokens: 1_000 } });
});
afterAll(async () => {
  await control.close();
  expect(control.lines.filter(({ level }) => level >= 50)).toEqual([]);
});

const budgets = () => control.client(BudgetService);
const set = (id: string, limitTokens: bigint, more: object = {}) =>
  budgets().setBudget({
    budget: { id, scope: BudgetScope.TENANT, period: BudgetPeriod.MONTH, limitTokens, warnPercent: [80], ...more },
    requestId: newId(),
  });
const used = async (id: string) => {
  const all = (await budgets().listBudgets({})).budgets;
  const { spentTokens, reservedTokens } = all.find((each) => each.id === id)!;
  return [spentTokens, reservedTokens];
};

test('a run begins only with room for its worst case, ends with the name of the budget else, and pays what it used', async () => {
  const device = await control.device();
  const edge = control.closing(await device.connect());
  const worker = await control.worker();
  const before = edge.ask('before any budget');
  worker.reply(await worker.job(0), 'free');
  await edge.end(before.run);
  // What was used in the period counts: 5 tokens.
  expect((await set('all', 100n)).budget).toMatchObject({ spentTokens: 5n, reservedTokens: 0n });

  const refused = await edge.end(edge.ask('too much').run);
  expect(refused.state).toBe(RunState.REFUSED);
  expect(refused.failure).toMatchObject({ reason: 'BUDGET_EXCEEDED', metadata: { budget: 'all', left: '95 tokens' } });
  expect(refused.failure?.message).toMatch(/^the budget all \(month\) has 95 tokens of 100 tokens left, .* UTC, and `bowline budgets set all --limit MORE` \(or `--tokens MORE`\) changes it$/); // biome-ignore format: one line
  expect(await used('all')).toEqual([5n, 0n]);
  // The public API says the same, from what was recorded.
  const { run: shown } = await control.client(RunService).getRun({ id: refused.jobs[0]!.id.split('/')[0]! });
  expect(shown?.outcome?.failure).toEqual(refused.failure);
  expect(shown?.jobs[0]?.failure).toEqual(refused.failure);

  await set('all', 200_000n);
  const { run } = edge.ask('with room 三');
  const job = await worker.job(1);
  expect(WorkerStream.chat(job).maxOutputTokens).toBe(1_000);
  const [spent, reserved] = await used('all');
  expect(spent).toBe(5n);
  expect(reserved).toBeGreaterThan(1_000n);
  worker.reply(job, 'paid');
  expect((await edge.end(run)).answer).toBe('paid');
  expect(await eventually(async () => ((await used('all'))[1] === 0n ? used('all') : undefined))).toEqual([10n, 0n]);

  // The box is told when its share of use is reached, and how it is changed.
  await set('all', 12n);
  const low = await edge.until(() => edge.all('conditions').flatMap(({ conditions }) => conditions).find(({ why }) => why?.reason === 'BUDGET_LOW')); // biome-ignore format: one line
  expect(low).toMatchObject({
    stops: false,
    why: { metadata: { budget: 'all', left: '2 tokens', limit: '12 tokens' } },
  });
  await set('all', 200_000n);

  // One run waits behind the other, and its turn comes with no room for it.
  const conversation = newId();
  const first = edge.ask('first', { conversation });
  const behind = edge.ask('behind', { conversation });
  const last = await worker.job(2);
  await set('all', 1n);
  worker.reply(last, 'done');
  expect((await edge.end(first.run)).state).toBe(RunState.ANSWERED);
  expect((await edge.end(behind.run)).failure?.reason).toBe('BUDGET_EXCEEDED');
  expect(await used('all')).toEqual([15n, 0n]);

  await budgets().deleteBudget({ id: 'all', requestId: newId() });
  const after = edge.ask('after');
  worker.reply(await worker.job(3), 'free again');
  expect((await edge.end(after.run)).answer).toBe('free again');
  await worker.cut();
}, 60_000);

test('an ask that says what it may cost begins nothing that might go beyond it', async () => {
  const edge = control.closing(await (await control.device()).connect());
  const worker = await control.worker({ name: 'dear', provider: { name: 'p', local: false } });
  const little = await edge.end(edge.ask('for little', { maxCostMicros: 10n }).run);
  expect(little.failure?.reason).toBe('ASK_COST_MET');
  expect(little.failure?.message).toMatch(/^this ask may cost 0\.00001, of which 0 is spent or under way, and what comes next may need 0\.\d+; ask again/); // biome-ignore format: one line
  expect(worker.all('job')).toEqual([]);
  let ended: Outcome | undefined;
  for await (const { event } of control.client(RunService).ask({ text: '便宜一点', maxCostMicros: 10n }))
    if (event.case === 'run' && event.value.outcome) ended = event.value.outcome;
  expect(ended?.failure).toMatchObject({ reason: 'ASK_COST_MET', metadata: { limit: '0.00001', spent: '0' } });
  const { run } = edge.ask('for more', { maxCostMicros: 1_000_000n });
  const job = await worker.job(0);
  expect(WorkerStream.chat(job).maxOutputTokens).toBe(1_000);
  worker.reply(job, 'paid');
  expect((await edge.end(run)).answer).toBe('paid');
}, 30_000);

test('an unsure answer goes one tier up if the budget has room, and of the weaker one nobody is told a word', async () => {
  const file = homePaths(control.home).routes;
  const routes = () => control.client(RouteService).getRoutes({});
  const holds = (text: string, is: (found: Awaited<ReturnType<typeof routes>>) => boolean) => {
    writeFileSync(file, text);
    return eventually(async () => ((await routes().then(is)) ? true : undefined));
  };
  const tier = (name: string, more = '') => `  - { name: ${name}-tier, model: ${name}${more} }\n`;
  const rules = `tiers:\n${tier('small', ', escalate: { below: 0.6 }')}${tier('large')}`;
  await holds(rules, ({ tiers }) => tiers.length === 2);
  // A mistake changes nothing, and is told.
  await holds(`${rules}x`, ({ problem, version }) => problem.includes('routes.yaml:') && version !== '');
  await holds(rules, ({ problem }) => problem === '');
  const small = await control.worker({ name: 'small', provider: { name: 'p', local: true } });
  const large = await control.worker({ name: 'large', provider: { name: 'q', local: true } });
  const edge = control.closing(await (await control.device()).connect());
  const test = await control.client(RouteService).explainRoute({ text: '何时启动？' });
  expect(test).toMatchObject({ tier: 'small-tier', why: 'it is the cheapest', waitsFor: '' });
  expect(test.tiers[1]?.candidates.find(({ worker }) => worker === 'small')?.whyNot).toBe(
    'has no model large (it has small)',
  );

  const first = edge.ask('何时启动？');
  small.reply(await small.job(0), '也许周五', 0.3);
  const better = await large.job(0);
  expect(WorkerStream.chat(better)).toMatchObject({ model: 'large', stateConfidence: false });
  expect(JSON.stringify(WorkerStream.chat(better).messages.map(({ parts }) => parts[0]?.part.value))).not.toContain(
    '也许',
  );
  large.reply(better, '周五', 0.4);
  const end = await edge.end(first.run);
  expect(end).toMatchObject({ answer: '周五', tier: 'large-tier' });
  expect(end.escalations).toMatchObject([
    { fromTier: 'small-tier', reason: EscalationReason.CONFIDENCE, confidence: 0.3 },
  ]);
  expect(
    edge
      .all('runText')
      .map(({ chunk }) => chunk?.text)
      .join(''),
  ).toBe('周五');
  // The better turn is reserved on its own; where its model has no room left, what there is stands.
  await set('dear', 1n, { scope: BudgetScope.MODEL, subject: 'q/scripted' });
  const poor = edge.ask('and now?');
  small.reply(await small.job(1), 'perhaps', 0.1);
  const stood = await edge.end(poor.run);
  expect(stood).toMatchObject({ state: RunState.ANSWERED, answer: 'perhaps', tier: 'small-tier' });
  expect(stood.escalations).toMatchObject([{ failure: { reason: 'BUDGET_EXCEEDED' } }]);
  expect(await used('dear')).toEqual([5n, 0n]);
  await budgets().deleteBudget({ id: 'dear', requestId: newId() });

  // The owner asks for better: the same question, without the answer that was not good enough.
  const again = edge.ask('and now?', { conversation: poor.conversation, better: true, betterThan: poor.run });
  const asked = await large.job(1);
  expect(JSON.stringify(WorkerStream.chat(asked).messages.map(({ parts }) => parts[0]?.part.value))).not.toContain(
    'perhaps',
  );
  large.reply(asked, 'now');
  expect(await edge.end(again.run)).toMatchObject({ answer: 'now', escalations: [{ reason: EscalationReason.OWNER }] });
  edge.ask('x', { tier: 'huge' });
  const verdict = await edge.until(() => edge.all('askVerdict').find(({ refused }) => refused));
  expect(verdict.refused?.message).toBe('the routing rules have no tier `huge`; known: small-tier, large-tier');
  const { run } = await control.client(RunService).getRun({ id: first.run });
  expect(run?.jobs.map(({ tier: of }) => of)).toEqual(['small-tier', 'large-tier']);
  rmSync(file);
  await eventually(async () => ((await routes()).tiers.length === 0 ? true : undefined));
  await Promise.all([small.cut(), large.cut()]);
}, 60_000);
