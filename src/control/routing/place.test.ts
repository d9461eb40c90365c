import fc from 'fast-check';
import { expect, test } from 'vitest';
import { workerView } from '../../../test/support/worker-view.ts';
import { explain } from './explain.ts';
import { place } from './place.ts';
import { type JobNeed, type Liking, labelsOf, type WorkerView } from './worker-view.ts';

const llm = 'bowline.capability.llm.v1';
const worker = (id: string, more: Partial<WorkerView> = {}): WorkerView =>
  workerView(id, { region: 'eu', freeSlots: 4, totalSlots: 4, ...more });
const job = (more: Partial<JobNeed> = {}): JobNeed => ({
  capability: llm,
  method: 'Chat',
  tenant: 'default',
  selector: {},
  recipients: [],
  slots: 1,
  ...more,
});
const chosen = (need: JobNeed, workers: readonly WorkerView[]) => {
  const placement = place(need, workers);
  return placement.ok ? placement.worker.id : placement.never ? 'never' : 'later';
};

test('the cheapest wins, then the one with most free slots, then the lowest id', () => {
  const dear = worker('a', { priceMicrosPerKiloToken: 5, freeSlots: 9, totalSlots: 9 });
  expect(chosen(job(), [dear, worker('d'), worker('c', { freeSlots: 3 }), worker('b')])).toBe('b');
  expect(chosen(job(), [dear, worker('c', { freeSlots: 3 })])).toBe('c');
  expect(chosen(job(), [dear, worker('c', { freeSlots: 0 })])).toBe('a');
});

/** Rows of: what is liked, the workers, and who is chosen. */
const warmB = (weight: number): Liking => ({ labels: [], warm: { worker: 'b', weight } });
const eu = (weight: number) => ({ label: 'region', value: 'eu', weight });
const ssd = { label: 'disk', value: 'ssd', weight: 3 };
const asia = { region: 'asia' } as const;
const fast = { labels: { disk: 'ssd' } };
const dear = { priceMicrosPerKiloToken: 5 };
test.each<[string, Liking | undefined, WorkerView[], string]>([
  ['a warm worker wins over a cheaper one', warmB(1), [worker('a'), worker('b', dear)], 'b'],
  ['but not when it is busy', warmB(1), [worker('a'), worker('b', { ...dear, freeSlots: 0 })], 'a'],
  ['nor when it is worth nothing', warmB(0), [worker('a'), worker('b', dear)], 'a'],
  ['a liked region wins over the price', { labels: [eu(1)] }, [worker('a', asia), worker('b', dear)], 'b'],
  ['a label that nobody has changes nothing', { labels: [ssd] }, [worker('a'), worker('b', dear)], 'a'],
  ['a weight below 0 is against it', { labels: [eu(-1)] }, [worker('a'), worker('b', { ...dear, ...asia })], 'b'],
  ['weights add up', { labels: [eu(2), ssd] }, [worker('a', fast), worker('b', { ...asia, ...fast })], 'a'],
  ['the larger sum wins', { labels: [eu(2), ssd] }, [worker('a'), worker('b', { ...asia, ...fast })], 'b'],
  [
    'warmth counts with the labels',
    { labels: [eu(2)], warm: { worker: 'b', weight: 1 } },
    [worker('a'), worker('b', asia)],
    'a',
  ],
  [
    'and may be worth more',
    { labels: [eu(2)], warm: { worker: 'b', weight: 3 } },
    [worker('a'), worker('b', asia)],
    'b',
  ],
  [
    'what is required is never outweighed',
    { labels: [{ label: 'gpu', value: 'no', weight: 9 }] },
    [worker('a', { labels: { gpu: 'no' } }), worker('b', { labels: { gpu: 'yes' } })],
    'b',
  ],
  [
    'of equals the one with the smaller load',
    undefined,
    [worker('a', { freeSlots: 4, totalSlots: 9 }), worker('b', { freeSlots: 3 })],
    'b',
  ],
])('%s', (what, liking, workers, id) => {
  const selector: Record<string, string> = what.startsWith('what is required') ? { gpu: 'yes' } : {};
  for (const order of [workers, [...workers].reverse()]) expect(chosen(job({ liking, selector }), order)).toBe(id);
});

test('a job that names a model goes to who has it, by its price, and for the eyes of its provider alone', () => {
  const small = { alias: 'small', provider: 'rules', locality: 'local', priceMicrosPerKiloToken: 0 } as const;
  const large = { alias: 'large', provider: 'openai', locality: 'remote', priceMicrosPerKiloToken: 9 } as const;
  const both = worker('a', { models: [small, large] });
  const named = (model: string, recipients: string[] = []) => job({ selector: { model }, recipients });
  expect(chosen(named('large'), [both])).toBe('a');
  expect(chosen(named('larger'), [both])).toBe('never');
  // Its first model is local; that is no leave for the other one.
  expect(chosen(named('large', ['local']), [both])).toBe('never');
  expect(chosen(named('large', ['openai']), [both])).toBe('a');
  expect(chosen(named('small', ['openai']), [both])).toBe('never');
  const cheaper = worker('b', { priceMicrosPerKiloToken: 7, models: [{ ...large, priceMicrosPerKiloToken: 8 }] });
  expect(chosen(named('large'), [both, cheaper])).toBe('b');
  // It cannot claim a model by a label.
  expect(chosen(named('x'), [worker('c', { labels: { model: 'x' } })])).toBe('never');
  expect(explain(named('x'), [both]).workers).toEqual(['a has no model x (it has small, large).']);
});

test('a job says whether it may go to a worker that may be taken away; who does not say that it may be stays', () => {
  const spot = worker('a', { labels: { spot: 'true' } });
  expect(chosen(job(), [spot])).toBe('a');
  expect(chosen(job({ selector: { spot: 'false' } }), [spot])).toBe('never');
  expect(chosen(job({ selector: { spot: 'false' } }), [spot, worker('b')])).toBe('b');
  expect(chosen(job({ selector: { spot: 'true' } }), [spot, worker('b')])).toBe('a');
  expect(explain(job({ selector: { spot: 'false' } }), [spot]).workers).toEqual([
    'a has spot=true, and spot=false is required.',
  ]);
});

test('recipients are hard: content goes to no provider outside them, however it names itself', () => {
  const remote = worker('a', { provider: 'anthropic', locality: 'remote' });
  expect(chosen(job({ recipients: ['rules'] }), [remote])).toBe('never');
  expect(chosen(job({ recipients: ['rules', 'anthropic'] }), [remote])).toBe('a');
  expect(chosen(job({ recipients: ['local'] }), [remote])).toBe('never');
  expect(chosen(job({ recipients: ['local'] }), [{ ...remote, provider: 'local' }])).toBe('never');
  expect(chosen(job({ recipients: ['local'] }), [worker('b')])).toBe('b');
  expect(chosen(job({ recipients: ['any'] }), [remote])).toBe('a');
});

test('a worker that hands nothing on is no recipient: retrieval, sandbox and web without a model serve every run', () => {
  for (const [name, method] of [
    ['retrieval', 'Search'],
    ['sandbox', 'Run'],
    ['web', 'Fetch'],
  ] as const) {
    const capability = `bowline.capability.${name}.v1`;
    const packages = [{ package: capability, methods: [method] }];
    const need = job({ capability, method, recipients: ['anthropic'] });
    expect(chosen(need, [worker('a', { packages, provider: 'none' })])).toBe('a');
    expect(chosen(need, [worker('a', { packages, provider: 'openai', locality: 'remote' })])).toBe('never');
  }
  const silent = worker('a', { provider: 'none' });
  // Silence is no statement that it is the owner's machine.
  for (const provider of ['none', ''])
    for (const recipients of [['anthropic'], ['local'], ['none', 'local']])
      expect(chosen(job({ recipients }), [worker('a', { provider })])).toBe('never');
  for (const recipients of [[], ['any']]) expect(chosen(job({ recipients }), [silent])).toBe('a');
});

test('tier, region, pool, provider and locality are labels that a worker cannot claim by its own labels', () => {
  const liar = worker('a', { labels: { tier: '2', gpu: 'yes' } });
  expect(chosen(job({ selector: { tier: '2' } }), [liar])).toBe('never');
  expect(chosen(job({ selector: { tier: '0', region: 'eu', gpu: 'yes', pool: 'default' } }), [liar])).toBe('a');
  expect(chosen(job({ selector: { constructor: 'x' } }), [liar])).toBe('never');
});

test('a busy fleet is later, a fleet that could not serve it even if idle is never', () => {
  expect(chosen(job({ slots: 2 }), [worker('a', { freeSlots: 1 })])).toBe('later');
  expect(chosen(job({ slots: 5 }), [worker('a', { freeSlots: 0 })])).toBe('never');
  expect(chosen(job({ method: 'Embed' }), [worker('a', { freeSlots: 0 })])).toBe('never');
  expect(chosen(job(), [])).toBe('never');
});

test('another tenant cannot learn from an explanation that a worker exists', () => {
  const foreign = worker('secret-name', { tenants: ['other'] });
  expect(chosen(job(), [foreign])).toBe('never');
  expect(explain(job(), [foreign])).toEqual(explain(job(), []));
});

test('explain says why for each worker, and at once when no one could ever serve it', () => {
  const need = job({ selector: { gpu: 'a100' } });
  const workers = [worker('w2', { labels: { gpu: 't4' } }), worker('w1')];
  expect(explain(need, workers)).toEqual({
    never: true,
    summary: `No connected worker can ever serve ${llm} Chat with gpu=a100; it waits until one connects that can.`,
    workers: ['w1 has no label gpu (gpu=a100 is required).', 'w2 has gpu=t4, and gpu=a100 is required.'],
  });
  expect(explain(job(), [worker('w1', { freeSlots: 0 })])).toEqual({
    never: false,
    summary: `${llm} Chat waits for a free slot: 1 of 1 connected workers can serve it, and all of them are busy.`,
    workers: ['w1 is busy: 0 of 4 slots are free, and the job takes 1.'],
  });
});

const few = (values: string[]) => fc.constantFrom(...values);
const someWorker = fc
  .record({
    id: few(['a', 'b', 'c', 'd', 'e', 'f']),
    methods: fc.subarray(['Chat', 'Embed']),
    labels: fc.dictionary(few(['gpu', 'tier']), few(['0', '1']), { maxKeys: 2 }),
    tenants: fc.subarray(['*', 'default', 'other']),
    tier: fc.integer({ min: 0, max: 2 }),
    price: fc.integer({ min: 0, max: 2 }),
    provider: few(['rules', 'local', 'anthropic']),
    locality: fc.constantFrom('local' as const, 'remote' as const),
    freeSlots: fc.integer({ min: 0, max: 3 }),
    totalSlots: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ methods, price, ...more }) =>
    worker(more.id, { ...more, packages: [{ package: llm, methods }], priceMicrosPerKiloToken: price }),
  );
const fleet = fc.uniqueArray(someWorker, { selector: ({ id }) => id, maxLength: 6 });
const someJob = fc
  .record({
    method: few(['Chat', 'Embed']),
    selector: fc.dictionary(few(['gpu', 'tier', 'region']), few(['0', '1', 'eu']), { maxKeys: 2 }),
    recipients: fc.subarray(['local', 'rules', 'anthropic']),
    slots: fc.integer({ min: 1, max: 3 }),
  })
  .map((more) => job(more));

test('whoever is chosen fits, and no one who fits is cheaper', () => {
  fc.assert(
    fc.property(someJob, fleet, (need, workers) => {
      const placement = place(need, workers);
      const fits = workers.filter((each) => place(need, [each]).ok);
      expect(placement.ok).toBe(fits.length > 0);
      if (!placement.ok) return;
      const { worker: best } = placement;
      expect(best.tenants.includes('*') || best.tenants.includes(need.tenant)).toBe(true);
      expect(best.freeSlots).toBeGreaterThanOrEqual(need.slots);
      for (const [key, value] of Object.entries(need.selector)) expect(labelsOf(best)[key]).toBe(value);
      if (need.recipients.length > 0 && best.locality === 'remote')
        expect(need.recipients.filter((r) => r !== 'local')).toContain(best.provider);
      expect(best.priceMicrosPerKiloToken).toBe(Math.min(...fits.map((each) => each.priceMicrosPerKiloToken)));
    }),
  );
});

test('the order of the table changes nothing', () => {
  fc.assert(
    fc.property(someJob, fleet, fc.integer({ min: 0, max: 5 }), (need, workers, turn) => {
      const turned = [...workers.slice(turn), ...workers.slice(0, turn)].reverse();
      expect(chosen(need, turned)).toBe(chosen(need, workers));
      expect(explain(need, turned)).toEqual(explain(need, workers));
    }),
  );
});

test('never is said exactly when also the idle fleet could not serve it', () => {
  fc.assert(
    fc.property(someJob, fleet, (need, workers) => {
      const idle = workers.map((each) => ({ ...each, freeSlots: each.totalSlots }));
      const busy = workers.map((each) => ({ ...each, freeSlots: 0 }));
      expect(explain(need, busy).never).toBe(!place(need, idle).ok);
    }),
  );
});
