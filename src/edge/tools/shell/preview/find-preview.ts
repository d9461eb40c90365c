// Whether commands can be tried on a copy here: found out once, by trying.
import { spawn } from 'node:child_process';
import { chown, mkdir, mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { PROGRAM_PATH } from '../find-program.ts';
import type { CommandIsolation } from '../isolation.ts';
import { FIRST_DESCRIPTOR, STATUS_FD } from '../launcher.ts';
import { findChanges, listRoom } from './find-changes.ts';
import { ENDED, HOLD_FD, IN_NAMESPACES, OVERLAY } from './overlay-script.ts';

const BYTES = 1 << 20;
const TRIAL_MS = 10_000;

const TRIAL = { isDenied: () => false, keep: async () => {}, holdsSecret: () => false, mostBytes: BYTES };

/** Empty when they can; else why not, for people. */
export async function findPreviewProblem(isolation: CommandIsolation | undefined): Promise<string> {
  if (process.platform !== 'linux') return 'only Linux has overlays';
  if (isolation?.kind !== 'bubblewrap') return 'commands do not run in bubblewrap here';
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'bowline-preview-')));
  const uid = isolation.users?.first;
  const [folder, scratch] = [join(dir, 'folder'), join(dir, 'scratch')];
  try {
    for (const each of [folder, scratch]) await mkdir(each);
    if (uid !== undefined) for (const each of [dir, folder]) await chown(each, uid, uid);
    return await problemWith(isolation, folder, scratch, uid);
  } catch {
    return 'the changes in an overlay cannot be read here';
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function problemWith(
  { program, options, filter }: CommandIsolation & { kind: 'bubblewrap' },
  folder: string,
  scratch: string,
  uid: number | undefined,
): Promise<string> {
  const { dev, ino } = await stat(folder, { bigint: true });
  const [file = '', ...before] = IN_NAMESPACES;
  const bind = ['--bind', join(scratch, 'm0'), folder, '--chdir', folder];
  const made = ['/bin/sh', '-c', OVERLAY, 'sh', scratch, `${BYTES}`, `${dev}:${ino}`, folder, '--'];
  const words = [...before, ...made, program, ...options, ...bind, '--', '/bin/sh', '-c', ': > made'];
  const child = spawn(file, words, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    timeout: TRIAL_MS,
    killSignal: 'SIGKILL',
    env: { PATH: PROGRAM_PATH },
    cwd: '/',
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  for (const stream of child.stdio) stream?.on('error', () => {});
  const over = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  });
  let said = '';
  child.stderr?.on('data', (data: Buffer) => {
    said = (said + data.toString()).slice(0, 200);
  });
  const filterTo = child.stdio[FIRST_DESCRIPTOR];
  if (filterTo && 'end' in filterTo) filterTo.end(filter ?? '');
  const ended = await endedWord(child.stdio[STATUS_FD] as Readable, over);
  try {
    if (ended !== `${ENDED} 0\n`) return `an overlay cannot be made here: ${said.trim().split('\n')[0] || 'no word'}`;
    const inside = `/proc/${child.pid}/root${scratch}`;
    const layers = { lower: join(inside, 'l0'), upper: join(inside, 'u0'), merged: join(inside, 'm0') };
    const { signal } = new AbortController();
    const { changes } = await findChanges(layers, { folder: 0, ...TRIAL, room: listRoom(), signal });
    return changes.length === 1 ? '' : 'the changes in an overlay are not seen here';
  } finally {
    (child.stdio as readonly (Readable | Writable | null | undefined)[])[HOLD_FD]?.destroy();
    await over;
  }
}

async function endedWord(status: Readable, over: Promise<void>): Promise<string> {
  let said = '';
  const word = new Promise<void>((resolve) => {
    status.on('data', (data: Buffer) => {
      said += data.toString('latin1');
      if (said.endsWith('\n')) resolve();
    });
  });
  await Promise.race([word, over]);
  return said;
}
