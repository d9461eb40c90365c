// A process for tests: opens the embedded database argv[2] and prints the reason why it cannot, and what lies there then.
import { readdirSync } from 'node:fs';
import { AppError } from '../../src/base/errors.ts';
import { openDatabase } from '../../src/control/store/database.ts';

const folder = process.argv[2] ?? '';
const reason = await openDatabase({ embedded: folder }).then(
  () => 'none',
  (error: unknown) => (error instanceof AppError ? error.reason : String(error)),
);
process.stdout.write(JSON.stringify({ reason, left: readdirSync(folder) }));
process.exit(0);
