import { clone, create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { WorkerHelloSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { listAudit, writeAudit } from './audit.ts';
import { KnownPrices } from './known-prices.ts';
import { costBound, type PricedWorker } from './price-table.ts';
import { type UsageKey, usageSince } from './usage-sums.ts';

onBothDatabases('the ledger', (under) => {
  const use = {
    tenant: 'a',
    run: 'r',
    job: 'r/0/0',
    provider: 'x',
    model: 'big',
    input_tokens: 10,
    output_tokens: 5,
    cost_micros: 7,
  };

  test('usage is summed per provider and model, and never across tenants', async () => {
    const records = [
      use,
      { ...use, cost_micros: 3 },
      { ...use, model: 'small', cost_micros: 1 },
      { ...use, tenant: 'b' },
    ];
    await under.db.insertInto('ledger_usage').values(records).execute();
    expect(await usageSince(under.db, 'a', 0)).toEqual([
      { key: '', title: '', provider: 'x', model: 'big', jobs: 1, inputTokens: 20, outputTokens: 10, costMicros: 10 },
      { key: '', title: '', provider: 'x', model: 'small', jobs: 1, inputTokens: 10, outputTokens: 5, costMicros: 1 },
    ]);
    expect(await usageSince(under.db, 'a', Date.UTC(2999))).toEqual([]);
  });

  test('usage is summed by day, conversation, device and tool, each with its name', async () => {
    const tenant = 'by';
    const at = (day: string) => new Date(`${day}T23:30:00Z`);
    const chat = { ...use, tenant, method: 'p.Llm/Chat', device: 'd1', conversation: 'c1', at: at('2026-11-01') };
    await under.db
      .insertInto('conversation')
      .values({ tenant, id: 'c1', title: '三月三日', waiting: [], turns: 1 })
      .execute();
    await under.db
      .insertInto('ledger_usage')
      .values([
        chat,
        { ...chat, job: 'r/1/0', at: at('2026-11-02') },
        { ...chat, method: 'p.Embed/Embed', device: null, conversation: null, cost_micros: 100, at: at('2026-11-02') },
      ])
      .execute();
    const keys = async (by: UsageKey) =>
      (await usageSince(under.db, tenant, 0, by)).map(({ key, title, jobs, costMicros }) => [
        key,
        title,
        jobs,
        costMicros,
      ]);
    expect(await keys('day')).toEqual([['2026-11-01', '', 1, 7], ['2026-11-02', '', 2, 107]]); // biome-ignore format: short
    expect(await keys('conversation')).toEqual([['', '', 1, 100], ['c1', '三月三日', 2, 14]]); // biome-ignore format: short
    expect(await keys('device')).toEqual([['', '', 1, 100], ['d1', '', 2, 14]]); // biome-ignore format: short
    expect(await keys('tool')).toEqual([['p.Embed/Embed', '', 1, 100], ['p.Llm/Chat', '', 2, 14]]); // biome-ignore format: short
  });

  test('prices of a worker that is not here bound what comes next, for the tenants that it may work for', async () => {
    const clock = new ManualClock();
    const hello = create(WorkerHelloSchema, {
      manifest: { capabilities: [{ package: 'p' }] },
      models: [{ alias: 'm', provider: '云', name: 'big', price: { input: 3, output: 5 } }],
    });
    const here = new KnownPrices({ db: under.db, clock, local: () => [{ hello, view: () => ({ tenants: ['a'] }) }] });
    await here.refresh();
    await here.refresh();
    const later = new KnownPrices({ db: under.db, clock, local: () => [] });
    await later.refresh();
    const rules = { unknownPrice: 100, maxOutputTokens: 10 };
    const bound = (tenant: string, live: PricedWorker[] = []) => {
      const wanted = { method: 'p.Llm/Chat', called: false, recipients: [] };
      const { input, output, isPriced, models } = costBound({ live, known: later.of(tenant) }, wanted, rules);
      return { input, output, isPriced, models };
    };
    expect(bound('a')).toEqual({ input: 3, output: 5, isPriced: true, models: ['big', '云/big'] });
    expect(bound('b')).toEqual({ input: 100, output: 100, isPriced: false, models: [] });
    // What is connected counts, and not what was told before.
    const cheap = clone(WorkerHelloSchema, hello);
    cheap.models[0]!.price!.input = 1;
    expect(bound('a', [{ hello: cheap }])).toMatchObject({ input: 1, output: 5 });
    await under.db
      .updateTable('known_prices')
      .set({ at: new Date(0) })
      .execute();
    await later.refresh();
    expect(bound('a').isPriced).toBe(false);
  });

  test('the audit lists the newest first and only the tenant asked for', async () => {
    const entry = { tenant: 'a', principal: 'owner:1', subject: 'device:1' };
    await writeAudit(under.db, []);
    await writeAudit(under.db, [{ ...entry, action: 'one', detail: { why: 'x' } }]);
    await writeAudit(under.db, [{ ...entry, action: 'foreign', tenant: 'b' }]);
    const { entries, next } = await listAudit(under.db, 'a');
    expect(next).toBe('');
    expect(entries).toMatchObject([{ ...entry, action: 'one', detail: { why: 'x' } }]);
  });

  test('pages of the audit give each entry once, also those of one moment', async () => {
    const at = [5, 5, 5, 4, 4, 3].map((ms, n) => ({ at: new Date(ms), subject: `s${n}` }));
    const rows = at.map((more) => ({ tenant: 'pages', principal: 'p', action: 'a', detail: '{}', ...more }));
    await under.db.insertInto('audit').values(rows).execute();
    for (const size of [1, 2, 3, 4, 6, 7]) {
      const seen: string[] = [];
      let token = '';
      do {
        const page = await listAudit(under.db, 'pages', { size, token });
        seen.push(...page.entries.map(({ subject }) => subject));
        token = page.next;
      } while (token !== '');
      expect(seen).toEqual(['s0', 's1', 's2', 's3', 's4', 's5']);
    }
    await expect(listAudit(under.db, 'pages', { token: 'x' })).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
  });
});
