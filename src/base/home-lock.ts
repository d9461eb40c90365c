// One operating-system lock per home and program, released by the kernel when the process dies.
import { chmodSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError } from './errors.ts';
import { homePaths } from './home.ts';
import { makeFolder } from './make-folder.ts';
import { removeLeftTemporaries } from './private-file.ts';
import { textIfSmall } from './read-small.ts';

const NAMES: Readonly<Record<string, string>> = { control: 'control plane' };

/** SQLITE_NOTADB. */
const NOT_A_DATABASE = 26;

/**
 * Takes the lock of `program` in `home`, or throws HOME_LOCKED, HOME_FILE_DAMAGED. The lock is SQLite's exclusive file lock (fcntl), because
 * Node has no flock and a pid file can lie. The pid beside it only serves the error message.
 */
export function lockHome(home: string, program: string): { release(): void } {
  const [pidFile, lockFile] = [join(home, `${program}.pid`), join(home, `${program}.lock`)];
  try {
    makeFolder(home);
    closeToOthers(home);
    const db = new DatabaseSync(lockFile, { timeout: 0 });
    try {
      db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
    } catch (error) {
      db.close();
      throw error;
    }
    const { control, keys } = homePaths(home);
    for (const folder of [home, control, keys]) removeLeftTemporaries(folder);
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
    return {
      release: () => {
        rmSync(pidFile, { force: true });
        db.close();
      },
    };
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === 5) {
      throw new AppError(
        'HOME_LOCKED',
        { home, program: NAMES[program] ?? program, pid: readPid(pidFile) },
        { cause: error },
      );
    }
    if (error instanceof Error && 'errcode' in error && error.errcode === NOT_A_DATABASE) {
      const problem = 'is no lock of Bowline';
      const remedy =
        'It holds nothing: see that no program of Bowline runs with this home, remove the file and start again';
      throw new AppError('HOME_FILE_DAMAGED', { file: lockFile, problem, remedy }, { cause: error });
    }
    throw new AppError(
      'HOME_UNUSABLE',
      { home, problem: error instanceof Error ? error.message : 'unknown' },
      { cause: error },
    );
  }
}

/** A home that was there already may be open to others: what lies in it is the owner's alone. */
function closeToOthers(home: string): void {
  const { uid, mode } = statSync(home);
  if (uid === process.getuid?.() && (mode & 0o077) !== 0) chmodSync(home, 0o700);
}

/** Without what a start wrote down behind it. */
const readPid = (path: string): string =>
  textIfSmall(path, 16 << 10)
    ?.trim()
    .split('\n', 1)[0] ?? 'unknown';
