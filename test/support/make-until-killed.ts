// A process for tests: makes the database argv[2] of the prepared one of the control plane and kills itself before the call with this number
// of those that change the disk. It prints how many there are when it comes to its end.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { preparedPath } from '../../src/base/embedded-database/prepared-path.ts';

const [, , data = '', before = 'never'] = process.argv;
let calls = 0;

function counted<F extends (...args: never[]) => unknown>(call: F): F {
  return ((...args: Parameters<F>) => {
    if (String(calls++) === before) process.kill(process.pid, 'SIGKILL');
    return call(...args);
  }) as F;
}

fs.mkdirSync = counted(fs.mkdirSync);
fs.writeFileSync = counted(fs.writeFileSync);
fs.renameSync = counted(fs.renameSync);
syncBuiltinESMExports();

const { makeDatabase } = await import('../../src/base/embedded-database/make-database.ts');
const { migrationNames } = await import('../../src/control/store/migrate.ts');
await makeDatabase(data, {
  wanted: { file: preparedPath('control'), tables: migrationNames },
  byEngine: async () => process.exit(1),
  onTrouble: (problem) => process.stderr.write(`${problem}\n`),
});
process.stdout.write(String(calls));
