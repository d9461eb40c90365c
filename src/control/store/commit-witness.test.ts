import { expect, test } from 'vitest';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { newId } from '../../base/ids.ts';
import { CommitWitness } from './commit-witness.ts';
import type { CommitUnit, EventStore } from './unit.ts';

onBothDatabases('the witness of commits', (under) => {
  test('the newest commit of each moment must be there when it is looked at; what is gone is told once', async () => {
    const clock = new ManualClock();
    const witness = new CommitWitness(under.db, clock, 60_000);
    const tenant = newId();
    await under.db.insertInto('tenant').values({ id: tenant, name: tenant }).execute();
    const store: EventStore = {
      commit: async ({ source, commandId }) => {
        if (source === 'conflict') return { status: 'conflict' };
        const row = { tenant, source, command_id: commandId, stream: 's', outcome: Buffer.alloc(17) };
        await under.db
          .insertInto('inbox')
          .values(row as never)
          .execute();
        return { status: 'committed', at: 0 };
      },
      outcome: async () => undefined,
      load: async () => ({ version: 0, events: [] }),
    };
    const commit = (commandId: string, source = 'x') =>
      witness.of(store).commit({ tenant, source, commandId } as CommitUnit);
    const lose = (commandId: string) =>
      under.db.deleteFrom('inbox').where('tenant', '=', tenant).where('command_id', '=', commandId).execute();
    expect(await witness.findLost()).toBeUndefined();
    await commit('a');
    await commit('none', 'conflict');
    expect(await witness.findLost()).toBeUndefined();
    // What was seen once is not looked for again.
    await lose('a');
    await commit('b');
    await commit('c');
    await clock.advance(1_000);
    await commit('d');
    await lose('b');
    expect(await witness.findLost()).toBeUndefined();
    await commit('e');
    await clock.advance(1_000);
    await commit('f');
    await lose('f');
    expect(await witness.findLost()).toEqual({ known: 6, given: 5 });
    expect(await witness.findLost()).toBeUndefined();
    // Its command may have been forgotten when nobody could look for so long.
    await commit('g');
    await lose('g');
    clock.advance(30_000);
    expect(await witness.findLost()).toBeUndefined();
  });
});
