import { expect, test } from 'vitest';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { listAudit, writeAudit } from './audit.ts';
import { recordUsage, usageSince } from './usage.ts';

onBothDatabases('the ledger', (under) => {
  const use = { tenant: 'a', run: 'r', job: 'r/0/0', provider: 'x', model: 'big', inputTokens: 10, outputTokens: 5, costMicros: 7 };

  test('usage is summed per provider and model, and never across tenants', async () => {
    await recordUsage(under.db, []);
    await recordUsage(under.db, [use, { ...use, costMicros: 3 }, { ...use, model: 'small', costMicros: 1 }, { ...use, tenant: 'b' }]);
    expect(await usageSince(under.db, 'a', 0)).toEqual([
      { provider: 'x', model: 'big', jobs: 2, inputTokens: 20, outputTokens: 10, costMicros: 10 },
      { provider: 'x', model: 'small', jobs: 1, inputTokens: 10, outputTokens: 5, costMicros: 1 },
    ]);
    expect(await usageSince(under.db, 'a', Date.UTC(2999))).toEqual([]);
  });

  test('the audit lists the newest first and only the tenant asked for', async () => {
    const entry = { tenant: 'a', principal: 'owner:1', subject: 'device:1' };
    await writeAudit(under.db, []);
    await writeAudit(under.db, [{ ...entry, action: 'one', detail: { why: 'x' } }]);
    await writeAudit(under.db, [{ ...entry, action: 'foreign', tenant: 'b' }]);
    const list = await listAudit(under.db, 'a');
    expect(list).toMatchObject([{ ...entry, action: 'one', detail: { why: 'x' } }]);
  });
});
