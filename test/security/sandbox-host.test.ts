// The sandbox where its worker is killed, and where the system allows less: as a user without rights whose /proc is closed, which is how
// an ordinary container is.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { whyNotIsolated } from '../support/bubblewrap.ts';
import { eventually } from '../support/control-plane.ts';
import { aliveWith, openHere } from '../support/sandbox.ts';

const ONCE = fileURLToPath(new URL('../support/sandbox-once.ts', import.meta.url));
const run = promisify(execFile);
const MARK = `host-${process.pid}-${Math.random().toString(36).slice(2)}`;
const lacks = await whyNotIsolated();
const skipped = (why: string | undefined) => (why === undefined ? '' : ` (skipped: ${why})`);

describe.skipIf(lacks !== undefined)(`where its worker is killed${skipped(lacks)}`, () => {
  test('nothing of the program goes on', async () => {
    const worker = spawn(process.execPath, [ONCE, 'setsid sleep 300 & sleep 300', MARK], { stdio: 'ignore' });
    await eventually(() => aliveWith(MARK).some((line) => line.startsWith('/bin/sh\0-c\0setsid')));
    worker.kill('SIGKILL');
    await eventually(() => aliveWith(MARK).length === 0);
  });
});

describe.skipIf(lacks !== undefined)(`where its worker has inherited descriptors${skipped(lacks)}`, () => {
  test('a program has none of them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-test-inherit-'));
    const secret = await open(join(folder, 'secret'), 'w+');
    try {
      // Written at a place, so that reading begins at the beginning.
      await secret.write(Buffer.from('vkqwe-zxmpl'), 0, 11, 0);
      const script = 'exec 2>&1; cat <&3; cat <&9; cat /proc/self/fd/20 /proc/self/fd/40; echo end';
      const none = 'ignore' as const;
      const given = Array.from({ length: 41 }, (_, fd) => ([3, 9, 20, 40].includes(fd) ? secret.fd : none));
      const worker = spawn(process.execPath, [ONCE, script], { stdio: [none, 'pipe', 'inherit', ...given.slice(3)] });
      let said = '';
      worker.stdout?.on('data', (data: Buffer) => {
        said += data.toString();
      });
      await once(worker, 'close');
      const { out } = JSON.parse(said.trim().split('\n')[1]!) as { out: string };
      expect(out).toMatch(/end\n$/);
      expect(out).not.toContain('vkqwe');
    } finally {
      await secret.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** What a container without privileges has: nobody's rights, a /proc that is partly covered and whose settings cannot be written. */
const CONTAINER = [
  'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && mount -t tmpfs none /proc/fs || exit 77',
  'exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set -all "$@"',
].join('\n');
const inContainer = (...words: string[]) =>
  run('unshare', ['--mount', 'sh', '-c', CONTAINER, 'sh', process.execPath, ...words], { timeout: 60_000 });

async function whyNoContainer(): Promise<string | undefined> {
  if (lacks !== undefined) return lacks;
  if (process.getuid?.() !== 0) return 'only root can make such surroundings';
  return inContainer('--check', ONCE).then(
    () => undefined,
    () => 'nobody may not read this folder, or unshare and setpriv are missing',
  );
}

const uncontained = await whyNoContainer();
describe.skipIf(uncontained !== undefined)(`as nobody, in what a container is${skipped(uncontained)}`, () => {
  test('it works without /proc, and refuses further namespaces all the same', async () => {
    const script = [
      'id -u; ls -d /proc 2>/dev/null; unshare -U true 2>/dev/null && echo user; node -p 1+1; echo a > b && cat b',
      'cat /etc/hostname 2>/dev/null; ls /home /root 2>/dev/null; true',
    ].join('\n');
    const { stdout } = await inContainer(ONCE, script);
    const [facts, end] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(facts).toMatchObject({ proc: false });
    expect(end).toMatchObject({ code: 0, out: '65534\n2\na\n' });
  });

  test('without user namespaces it does not open', async () => {
    // A filter such as a container's default one, as far as this matters: no user namespace can be made.
    const failing = run(
      'unshare',
      [
        '--user',
        '--map-root-user',
        'sh',
        '-c',
        'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
        'sh',
        process.execPath,
        ONCE,
      ],
      { timeout: 60_000 },
    );
    await expect(failing).rejects.toMatchObject({
      stderr: expect.stringMatching(
        /SANDBOX_UNAVAILABLE|programs cannot be isolated here: .*; allow unprivileged user/s,
      ),
    });
  });
});

describe.skipIf(lacks !== undefined)(`where the machine stood still${skipped(lacks)}`, () => {
  test('a program that ended by itself meanwhile met no limit', async () => {
    const isolation = await openHere(false);
    const limits = {
      wallMs: 1_000,
      cpuMs: 5_000,
      memoryBytes: 1 << 28,
      processes: 16,
      outputBytes: 1 << 10,
      diskBytes: 1 << 20,
    };
    const end = await isolation.run(
      {
        argv: ['/bin/sh', '-c', 'echo on; sleep 0.2; exit 3'],
        limits,
        onOutput: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500),
      },
      new AbortController().signal,
    );
    expect(end).toMatchObject({ code: 3, signal: '', limit: undefined });
  });
});
