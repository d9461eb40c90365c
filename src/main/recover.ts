// The program `bowline control recover`: takes a restored database back into use, and says what it found.
import { join } from 'node:path';
import { homePaths } from '../base/home.ts';
import { clockText } from '../cli/units.ts';
import type { ControlConfig } from '../control/config.ts';
import { recover, stoppedTenants } from '../control/identity/recover-database.ts';
import type { RestoreEvidence } from '../control/identity/restore-guard.ts';
import { openDatabase } from '../control/store/database.ts';
import { migrate } from '../control/store/migrate.ts';

export interface RecoverIo {
  readonly out: (line: string) => void;
  readonly progress: (line: string) => void;
}

/** Without evidence nothing is changed, unless it is forced. Throws what stands in the way (HOME_LOCKED, DATABASE_UNUSABLE). */
export async function runRecover(home: string, config: ControlConfig, force: boolean, io: RecoverIo): Promise<void> {
  const where = config.databaseUrl?.reveal() ?? { embedded: join(homePaths(home).control, 'pg') };
  const onWaiting = (problem: string) => io.progress(`waiting for the database: ${problem}`);
  const database = await openDatabase(where, { onWaiting });
  try {
    await database.patiently(migrate);
    const stopped = await stoppedTenants(database.db);
    for (const { tenant, since, evidence } of stopped) {
      io.out(`${tenant} stands still since ${clockText(since)}:`);
      io.out(`  ${shown(evidence)}`);
    }
    if (stopped.length === 0 && !force) {
      io.out('Nothing shows that this database was restored, and nothing was changed.');
      io.out('If you know that it was, say so with --force: asks and results that it lost are then presented again.');
      return;
    }
    const base = await recover(database.db, 'operator');
    io.out(`Recovered: all epochs begin above ${base}. Sessions and attempts from before are over.`);
    io.out('Running replicas notice within seconds; edges connect again by themselves.');
  } finally {
    await database.close();
  }
}

const shown = (evidence: RestoreEvidence): string =>
  'replica' in evidence
    ? `the replica ${evidence.replica} had written ${evidence.known}, and the database has ${evidence.given}`
    : `the device ${evidence.device} had session ${evidence.known}, and the database knows of none after ${evidence.given}`;
