// The build of before the last expansions beside this one, on one Postgres: both serve runs, and the older one starts again after the
// newer one was there. It is taken from the history of the repository; where there is none, this is skipped and says so.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { TestControl } from '../support/control-plane.ts';
import { startPostgres } from '../support/postgres.ts';

const ROOT = join(import.meta.dirname, '../..');
const EXPANSION = 'src/control/store/migrations/0006-session-starts.ts';

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

/** The commit before; undefined where the history does not reach back. */
function before(): string | undefined {
  try {
    const added = git('log', '--diff-filter=A', '--format=%H', '--', EXPANSION).split('\n').at(-1);
    return added ? git('rev-parse', '--verify', `${added}^`) : undefined;
  } catch {
    return undefined;
  }
}

const previous = before();

test.skipIf(!previous)(
  previous
    ? 'an older replica and a newer one serve runs on one database, and the older one starts again after it'
    : 'an older replica beside a newer one (skipped: the history of the repository is not here)',
  async () => {
    // Inside the project, so that it finds the installed packages.
    await mkdir(join(ROOT, '.build'), { recursive: true });
    const folder = await mkdtemp(join(ROOT, '.build/previous-'));
    const postgres = await startPostgres();
    try {
      execFileSync('sh', ['-c', `git archive "$1" | tar -x -C "$2"`, 'sh', previous!, folder], { cwd: ROOT });
      const older = (await import(join(folder, 'test/support/control-plane.ts'))) as {
        TestControl: typeof TestControl;
      };
      const { Secret: OlderSecret } = (await import(join(folder, 'src/base/secret.ts'))) as { Secret: typeof Secret };
      const url = await postgres.createDatabase('both');
      const old = await older.TestControl.start({ config: { databaseUrl: new OlderSecret(url) } });
      await serves(old, 'before');
      const now = await TestControl.start({ config: { databaseUrl: new Secret(url) } });
      await serves(now, 'newer');
      await serves(old, 'older beside it');
      expect(await old.stop()).toBe(true);
      await serves(now, 'newer alone');
      await old.boot();
      await serves(old, 'older, started again');
      await serves(now, 'newer beside it');
      await Promise.all([old.close(), now.close()]);
    } finally {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
  180_000,
);

async function serves(control: TestControl, what: string): Promise<void> {
  const edge = await (await control.device(what.replace(/\W+/gu, '-'))).connect();
  const worker = await control.worker();
  const { run } = edge.ask(what);
  worker.reply(await worker.job(), `answer: ${what}`);
  expect((await edge.end(run)).answer).toBe(`answer: ${what}`);
  await Promise.all([edge.cut(), worker.cut()]);
}
