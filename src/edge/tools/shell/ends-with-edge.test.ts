// Commands end with the edge, at whatever moment of their start it is killed: they do not begin, and nothing of them stays.
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Writable } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { OpenCommand } from '../../allowlist/open-command.ts';
import { PROGRAM_PATH } from './find-program.ts';
import { findBubblewrapIsolation, findUsers } from './isolation.ts';
import { FIRST_DESCRIPTOR, READY, STATUS_FD } from './launcher.ts';
import { OwnUsers } from './own-users.ts';
import { type Launch, type OverlayLaunch, planLaunch } from './plan-launch.ts';
import { findPreviewProblem } from './preview/find-preview.ts';

const root = process.getuid?.() === 0;
const UID = root ? 60_500 + (process.pid % 90) : undefined;
const users = UID === undefined ? undefined : new OwnUsers(UID);
const bubblewrap = await findBubblewrapIsolation(users);
const user = users && (await findUsers(users));
const preview = (await findPreviewProblem(bubblewrap)) === '';
const SECONDS = '1234';

const WAYS: [string, typeof bubblewrap | typeof user, boolean][] = [
  ['in bubblewrap', bubblewrap, false],
  ['on a copy', preview ? bubblewrap : undefined, true],
  ['as a user of its own', user?.namespaces ? user : undefined, false],
];

/** A launch of `sleep`, as an edge makes it. */
async function launchOf(isolation: NonNullable<(typeof WAYS)[number][1]>, onCopy: boolean): Promise<Launch> {
  const dir = mkdtempSync(join(tmpdir(), 'ends-with-edge-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  chmodSync(dir, 0o755);
  const [work, scratch] = [join(dir, 'work'), join(dir, 'scratch')];
  for (const each of [work, scratch]) mkdirSync(each);
  if (UID !== undefined) chownSync(work, UID, UID);
  const { dev, ino } = lstatSync(work, { bigint: true });
  const overlay: OverlayLaunch = { scratch, folders: [{ path: work, check: `${dev}:${ino}` }] };
  const handle = await open('/usr');
  onTestFinished(() => handle.close());
  const stat = await handle.stat({ bigint: true });
  return planLaunch({
    program: { path: '/usr/bin/sleep', realPath: '/usr/bin/sleep' },
    opened: {
      argv: ['sleep', SECONDS],
      cwd: { handle, realPath: '/usr', stat },
      paths: new Map(),
    } as unknown as OpenCommand,
    isolation,
    view: undefined,
    checks: [],
    network: undefined,
    uid: UID,
    gid: UID,
    overlay: onCopy ? overlay : undefined,
    memoryBytes: 1 << 30,
    processes: 64,
    diskBytes: 1 << 20,
  });
}

/** Starts it as the child of a process that can be killed, which is what the edge is to it. */
function start({ file, words, descriptors, cwd, uid, gid }: Launch, mark: string) {
  const more = descriptors.map(() => 'pipe' as const);
  const own = uid === undefined ? {} : { uid, gid: gid ?? uid };
  const env = { PATH: PROGRAM_PATH, MARK: mark };
  const child = spawn(file, words, {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', ...more],
    cwd,
    env,
    detached: true,
    ...own,
  });
  for (const stream of child.stdio) stream?.on('error', () => {});
  const filter = descriptors[0];
  if (filter instanceof Uint8Array) (child.stdio[FIRST_DESCRIPTOR] as Writable).end(filter);
  const status = child.stdio[STATUS_FD] as Duplex;
  const ready = new Promise<void>((resolve) => {
    let said = '';
    status.on('data', (data: Buffer) => {
      said += data.toString();
      if (said.startsWith(READY)) resolve();
    });
  });
  return { child, status, ready };
}

/** What runs with this mark in its environment. */
const running = (mark: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const marked = readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
        return marked ? [readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')] : [];
      } catch {
        return [];
      }
    });

test.each(WAYS)(
  '%s: killed at any moment of its start, nothing of it stays',
  async (name, isolation, onCopy) => {
    if (!isolation) return;
    const launch = await launchOf(isolation, onCopy);
    const mark = `ends-${process.pid}-${name.length}`;
    const started = performance.now();
    const first = start(launch, mark);
    await first.ready;
    const takes = performance.now() - started;
    first.child.kill('SIGKILL');
    for (const stream of first.child.stdio) stream?.destroy();
    for (let kill = 0; kill < 16; kill++) {
      const { child } = start(launch, mark);
      await new Promise((resolve) => setTimeout(resolve, (takes * kill) / 13));
      child.kill('SIGKILL');
      // With the edge its ends of all pipes go, too.
      for (const stream of child.stdio) stream?.destroy();
    }
    await vi.waitFor(() => expect(running(mark)).toEqual([]), { timeout: 15_000, interval: 50 });
  },
  60_000,
);

test.each(WAYS)(
  '%s: it begins when the edge says so, and not at all where that is gone by then',
  async (name, isolation, onCopy) => {
    if (!isolation) return;
    const launch = await launchOf(isolation, onCopy);
    const mark = `says-${process.pid}-${name.length}`;
    const sleeps = () => running(mark).filter((line) => line.startsWith('/usr/bin/sleep'));
    const { child, status, ready } = start(launch, mark);
    await ready;
    expect(sleeps()).toEqual([]);
    status.write('go\n');
    await vi.waitFor(() => expect(sleeps()).toHaveLength(1), { timeout: 15_000 });
    child.kill('SIGKILL');
    const alone = start(launch, mark);
    await alone.ready;
    for (const stream of alone.child.stdio) stream?.destroy();
    await vi.waitFor(() => expect(running(mark)).toEqual([]), { timeout: 15_000, interval: 50 });
  },
  60_000,
);
