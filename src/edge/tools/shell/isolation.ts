// Keeps a command away from the home of Bowline: under another uid, or in bubblewrap. Found out once, at the start.
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The uid and gid of nobody on Linux and most others. */
const NOBODY = 65534;

/**
 * `uid`: as nobody, which needs an edge that runs as root and a home that only root can enter. `bubblewrap`: the system
 * read-only, the home hidden, no network, no other processes.
 */
export type Isolation =
  | { readonly kind: 'uid'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'bubblewrap'; readonly program: string; readonly options: readonly string[] };

/** What this machine offers; undefined when nothing does, and then only entries with `isolation: none` run. */
export async function findIsolation(home: string, hidden: readonly string[] = []): Promise<Isolation | undefined> {
  if (process.getuid?.() === 0 && (await isClosed(home))) return { kind: 'uid', uid: NOBODY, gid: NOBODY };
  return findBubblewrap(home, hidden);
}

/** Bubblewrap, tried once with a harmless command; undefined where it is missing or not permitted. */
export async function findBubblewrap(home: string, hidden: readonly string[] = []): Promise<Isolation | undefined> {
  if (process.platform !== 'linux') return undefined;
  const masked = [home, ...hidden, ...SECRET_FOLDERS.map((name) => join(homedir(), name))];
  for (const program of ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap']) {
    if (!(await exists(program))) continue;
    const folders = await Promise.all(masked.map(async (path) => ((await exists(path)) ? ['--tmpfs', path] : [])));
    // Inside a container a new /proc may be refused; then there is none.
    for (const proc of [
      ['--proc', '/proc'],
      ['--tmpfs', '/proc'],
    ]) {
      const options = [...BWRAP, ...proc, ...folders.flat()];
      if (await works(program, [...options, '--', '/bin/true'])) return { kind: 'bubblewrap', program, options };
    }
  }
  return undefined;
}

const SECRET_FOLDERS = ['.ssh', '.gnupg', '.aws', '.kube', '.docker', '.bowline'];

const BWRAP = [
  '--die-with-parent',
  '--new-session',
  '--unshare-all',
  '--cap-drop',
  'ALL',
  '--ro-bind',
  '/',
  '/',
  '--dev',
  '/dev',
];

/** Whether only its owner, root, can enter a folder. */
async function isClosed(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined);
  return found !== undefined && found.uid === 0 && (found.mode & 0o077) === 0;
}

const exists = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

function works(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'ignore', timeout: 5000, env: {} });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
