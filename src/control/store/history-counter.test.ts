import { expect, test } from 'vitest';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { newId } from '../../base/ids.ts';
import { HistoryCounter } from './history-counter.ts';
import { createLeases } from './leases.ts';

onBothDatabases('the counter of a history', (under) => {
  test('a number that was lost shows once; one whose answer was lost, a missing row after a long silence, or none yet, do not', async () => {
    const clock = new ManualClock();
    const replica = newId();
    const leases = createLeases(under.db);
    const history = new HistoryCounter(leases, replica, clock);
    const set = (beat: number) => under.db.updateTable('lease').set({ beat }).where('replica', '=', replica).execute();
    expect(await history.raise()).toBeUndefined();
    await leases.renew(replica, 60_000);
    for (let n = 0; n < 3; n++) expect(await history.raise()).toBeUndefined();
    await set(6);
    expect(await history.raise()).toBeUndefined();
    await set(2);
    expect(await history.raise()).toEqual({ replica, known: 5, given: 2 });
    for (let n = 0; n < 3; n++) expect(await history.raise()).toBeUndefined();
    await under.db.deleteFrom('lease').where('replica', '=', replica).execute();
    expect(await history.raise()).toEqual({ replica, known: 9, given: 0 });
    await leases.renew(replica, 60_000);
    expect(await history.raise()).toBeUndefined();
    await under.db.deleteFrom('lease').where('replica', '=', replica).execute();
    await clock.advance(31 * 60_000);
    expect(await history.raise()).toBeUndefined();
  });
});
