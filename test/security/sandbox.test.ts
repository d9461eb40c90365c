// Programs written to get out of the sandbox, to stay in it, or to take the machine along. Each is contained, ends with a clear
// result, and leaves a worker that runs the next one; in each way in which machines allow isolation.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Language, LimitMet, SkipReason } from '../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import type { Handler } from '../../src/worker/kit/handler.ts';
import { whyNotIsolated } from '../support/bubblewrap.ts';
import { aliveWith, openAsInContainer, openHere, type RunInit, runProgram, sandboxOver } from '../support/sandbox.ts';
import { WRITE_EVERYWHERE, whatItWrote } from '../support/write-everywhere.ts';

const lacks = await whyNotIsolated();
const MODES = {
  'at its best here': () => openHere(true),
  'without cgroups': () => openHere(false),
  'as in an ordinary container': openAsInContainer,
};

const SECRET = 'vkqwe-zxmpl-trnby-hds';
/** In the arguments of every process of these tests' programs. */
const MARK = `hostile-${process.pid}-${Math.random().toString(36).slice(2)}`;

const seconds = (n: number) => ({ seconds: BigInt(Math.floor(n)), nanos: Math.round((n % 1) * 1e9) });
type More = Omit<RunInit, 'language' | 'code' | '$typeName'>;
const python = (code: string, more: More = {}): RunInit => ({ language: Language.PYTHON, code, args: [MARK], ...more });
const shell = (code: string, more: More = {}): RunInit => ({ ...python(code, more), language: Language.SHELL });
const node = (code: string, more: More = {}): RunInit => ({ ...python(code, more), language: Language.JAVASCRIPT });

/** Programs of these tests that are alive on this machine. */
const alive = () => aliveWith(MARK);

describe.skipIf(lacks !== undefined).each(Object.entries(MODES))(
  `hostile programs, %s${lacks === undefined ? '' : ` (skipped: ${lacks})`}`,
  { timeout: 60_000 },
  (mode, openMode) => {
    const bounded = mode === 'at its best here';
    let sandbox: Handler;
    let hasProc: boolean;
    let hasCgroup: boolean;
    let folder: string;
    let server: Server;
    let reached = 0;

    beforeAll(async () => {
      const isolation = await openMode();
      hasProc = isolation.facts.proc;
      hasCgroup = isolation.facts.cgroup !== undefined;
      sandbox = await sandboxOver(isolation);
      folder = mkdtempSync(join(tmpdir(), 'bowline-test-sandbox-'));
      writeFileSync(join(folder, 'secret.txt'), SECRET, { mode: 0o644 });
      process.env.BOWLINE_TEST_SECRET = SECRET;
      server = createServer((socket) => {
        reached++;
        socket.end(SECRET);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    });

    afterAll(async () => {
      delete process.env.BOWLINE_TEST_SECRET;
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    });

    // Whatever a program did: nothing of it is left, and the next one runs.
    afterEach(async () => {
      expect(alive()).toEqual([]);
      const next = await runProgram(
        sandbox,
        shell('echo next; cat given', { files: [{ path: 'given', body: text('!') }] }),
      );
      expect(next).toMatchObject({ out: 'next\n!', exit: { code: 0, signal: '', limit: LimitMet.UNSPECIFIED } });
    });

    test('what it writes anywhere has one bound, and nothing leads to more', async () => {
      const limit = 1 << 20;
      const { out } = await runProgram(sandbox, shell(WRITE_EVERYWHERE, { limits: { diskBytes: BigInt(limit) } }));
      const { sum, places, said } = whatItWrote(out);
      expect(sum).toBeGreaterThan(limit / 2);
      expect(sum).toBeLessThanOrEqual(limit);
      expect(places).toBeGreaterThan(4);
      expect(said).toEqual(['end']);
    });

    const text = (value: string) => ({ case: 'text' as const, value });
    const run = (request: RunInit, context = {}) => runProgram(sandbox, request, context);

    test('a fork bomb meets its limit', async () => {
      const limits = { processes: 32, timeout: seconds(2), cpu: seconds(2) };
      const { exit } = await run(shell('bomb() { bomb | bomb & }; bomb; while :; do bomb; done', { limits }));
      // Without a cgroup nobody is told that a start was refused.
      const any = [LimitMet.PROCESSES, LimitMet.TIME, LimitMet.CPU, LimitMet.UNSPECIFIED];
      expect(hasCgroup ? [LimitMet.PROCESSES] : any).toContain(exit.limit);
      expect(exit.code).not.toBe(0);
    });

    test('a program that starts more than it may is told why it failed', async () => {
      const { exit, err } = await run(
        python('import os,time\nfor i in range(40):\n  if os.fork() == 0: time.sleep(5); os._exit(0)', {
          limits: { processes: 16 },
        }),
      );
      expect(err).toContain('BlockingIOError');
      expect(exit).toMatchObject({ code: 1, limit: hasCgroup ? LimitMet.PROCESSES : expect.any(Number) });
    });

    test.each([
      ['one process', 'a = []\nwhile True: a.append(bytearray(b"x" * 4000000))'],
      [
        'many processes',
        'import os,time\nfor i in range(12):\n  if os.fork() == 0:\n    a = bytearray(b"x" * 30000000); time.sleep(30); os._exit(0)\ntime.sleep(30)',
      ],
      [
        'shared memory',
        'import mmap\na = []\nwhile True:\n  m = mmap.mmap(-1, 8000000); m.write(b"x" * 8000000); a.append(m)',
      ],
      ['files in its folder', 'f = open("/tmp/f", "wb")\nwhile True: f.write(b"x" * 1000000); f.flush()'],
    ])('memory of %s is bounded', async (_, code) => {
      const limits = { memoryBytes: 128n << 20n, diskBytes: 1n << 40n, timeout: seconds(20) };
      const { exit } = await runProgram(
        await sandboxOver(await openMode(), { diskBytes: 2 ** 40 }),
        python(code, { limits }),
      );
      expect(exit).toMatchObject({ code: -1, signal: 'SIGKILL', limit: LimitMet.MEMORY });
      if (bounded && hasCgroup) expect(Number(exit.peakMemoryBytes)).toBeLessThanOrEqual(128 << 20);
      expect(Number(exit.peakMemoryBytes)).toBeGreaterThan(64 << 20);
    });

    test.each([
      [
        'page tables',
        'import mmap\na = []\nwhile True:\n  m = mmap.mmap(-1, 1 << 34, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)\n  a.append(m)\n  for i in range(0, 1 << 34, 1 << 21): m[i]',
      ],
      [
        'buffers of sockets',
        'import os,socket,time\nfor i in range(12):\n  if os.fork() == 0:\n    a = []\n    try:\n      while True:\n        p = socket.socketpair(); a.append(p)\n        for s in p:\n          s.setblocking(False); s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)\n          try:\n            while True: s.send(b"x" * 65536)\n          except BlockingIOError: pass\n    except OSError: pass\n    time.sleep(30)\ntime.sleep(30)',
      ],
    ])('memory of the kernel is bounded: %s', async (_, code) => {
      const limits = { memoryBytes: 128n << 20n, timeout: seconds(20) };
      const { exit } = await run(python(code, { limits }));
      expect(exit).toMatchObject({ code: -1, limit: LimitMet.MEMORY });
    });

    test('without a cgroup pages are not put where nobody sees them', async () => {
      const { out } = await run(
        python(
          'import fcntl,os\nr, w = os.pipe()\n' +
            'try: fcntl.fcntl(w, 1031, 1 << 20); print("larger")\nexcept OSError: print("refused")\n' +
            'try: os.splice(os.open("/dev/zero", os.O_RDONLY), w, 4096); print("spliced")\nexcept OSError as e: print(e.errno)',
        ),
      );
      if (!hasCgroup) expect(out).toBe('refused\n38\n');
    });

    test('memory that belongs to no process cannot be had', async () => {
      const { out } = await run(
        python(
          'import ctypes,os\nlibc = ctypes.CDLL(None, use_errno=True)\n' +
            'try: os.memfd_create("x"); print("memfd")\nexcept OSError as e: print(e.errno)\n' +
            'print(libc.shmget(1, 1 << 20, 0o1600), ctypes.get_errno())\n' +
            'print(libc.msgget(1, 0o1600), ctypes.get_errno())',
        ),
      );
      expect(out).toBe('1\n-1 1\n-1 1\n');
    });

    test('JavaScript that takes too much memory says so', async () => {
      const limits = { memoryBytes: 128n << 20n };
      const { exit } = await run(node('const a = []; for (;;) a.push({ a: [a.length] });', { limits }));
      expect(exit).toMatchObject({ code: -1, limit: LimitMet.MEMORY });
    });

    test('the disk is full at its limit, in one file, in many, in many empty ones', async () => {
      const limits = { diskBytes: 8n << 20n, timeout: seconds(20) };
      for (const code of [
        'cat /dev/zero > f',
        'i=0; while head -c 60000 /dev/zero > f$i; do i=$((i+1)); done; exit 1',
        'while head -c 60000 /dev/zero > "$(mktemp /tmp/XXXXXXXX)"; do :; done; exit 1',
      ]) {
        const { exit, err } = await run(shell(code, { limits }));
        expect(err).toContain('No space left on device');
        expect(exit).toMatchObject({ code: 1, signal: '', limit: LimitMet.DISK });
      }
      const { exit } = await run(
        python('i = 0\nwhile True:\n  open(f"/tmp/{i}", "w").close(); i += 1', { limits: { timeout: seconds(30) } }),
      );
      expect(exit).toMatchObject({ signal: 'SIGKILL', limit: LimitMet.DISK });
    });

    test('nothing can be written beside its folder', async () => {
      const { out } = await run(
        shell(
          'for f in /x /usr/x /usr/bin/x /etc/x /etc/passwd /dev/x /opt/x /opt/bin/x /opt/bin/node /proc/sys/kernel/hostname; do' +
            ' (echo x >> $f) 2>/dev/null && echo "wrote $f"; done; echo done',
        ),
      );
      expect(out).toBe('done\n');
    });

    test('a flood of output is cut at its limit', async () => {
      const { exit, out, err } = await run(shell('yes & yes >&2', { limits: { outputBytes: 100_000n } }));
      expect(out.length + err.length).toBe(100_000);
      expect(exit).toMatchObject({ outputTruncated: true, limit: LimitMet.OUTPUT });
    });

    test('an endless loop ends by the time of the processor, in one process and spread over many', async () => {
      const limits = { cpu: seconds(0.5), timeout: seconds(20) };
      const one = await run(node('for (;;);', { limits }));
      expect(one.exit).toMatchObject({ signal: 'SIGKILL', limit: LimitMet.CPU });
      const many = await run(shell('f() { while :; do :; done; }; f & f & f & f & wait', { limits }));
      expect(many.exit).toMatchObject({ signal: 'SIGKILL', limit: LimitMet.CPU });
      expect(Number(one.exit.cpu?.seconds ?? 9n)).toBeLessThan(9);
    });

    test('sleep ends by the clock, also with every signal ignored', async () => {
      const limits = { timeout: seconds(0.5) };
      const slept = await run(shell('echo before; sleep 60; echo after', { limits }));
      expect(slept).toMatchObject({ out: 'before\n', exit: { limit: LimitMet.TIME, signal: 'SIGKILL' } });
      const deaf = await run(
        python(
          'import signal,time\nfor s in range(1, 64):\n  try: signal.signal(s, signal.SIG_IGN)\n  except (OSError, ValueError): pass\ntime.sleep(60)',
          { limits },
        ),
      );
      expect(deaf.exit).toMatchObject({ limit: LimitMet.TIME, signal: 'SIGKILL' });
    });

    test('a job that is about to meet its deadline has a result before', async () => {
      const { out, exit } = await run(shell('echo before; sleep 60'), { deadline: Date.now() + 1_500 });
      expect(out).toBe('before\n');
      expect(exit.limit).toBe(LimitMet.TIME);
    });

    test('a cancel ends all of it and is told', async () => {
      const cancel = new AbortController();
      const reason = new Error('enough');
      const running = run(shell('(setsid sh -c "sleep 60" &) ; echo started; sleep 60'), { signal: cancel.signal });
      while (alive().length === 0) await new Promise((resolve) => setImmediate(resolve));
      cancel.abort(reason);
      await expect(running).rejects.toBe(reason);
    });

    test('it sees no process, no environment and no secret of this machine', async () => {
      const { out } = await run(
        python(
          `import os,glob
seen = []
for path in glob.glob('/proc/[0-9]*/*') + glob.glob('/proc/*'):
  try: seen.append(open(path, 'rb').read(100000))
  except OSError: pass
print(b'${SECRET.slice(0, 8)}' + b'${SECRET.slice(8)}' in b''.join(seen))
print(len(glob.glob('/proc/[0-9]*')))
print(sorted(os.environ))`,
        ),
      );
      const [found, processes, names] = out.split('\n');
      expect(found).toBe('False');
      expect(Number(processes)).toBe(hasProc ? 2 : 0);
      expect(names).not.toMatch(/BOWLINE|SECRET|NODE/);
    });

    test('it reads no file of this machine but the system’s programs', async () => {
      const paths = ['/etc/shadow', '/etc/hosts', '/root', '/home', '/var', '/sys', '/run', '/usr/local', '/usr/src'];
      const { out } = await run(
        shell('for f in "$@"; do [ "$f" = "$1" ] || { [ -e "$f" ] && echo "there: $f"; }; done; cat /etc/passwd', {
          args: [
            MARK,
            ...paths,
            folder,
            join(folder, 'secret.txt'),
            process.cwd(),
            '/proc/1/root/root',
            '/proc/2/cwd/..',
          ],
        }),
      );
      expect(out.replace('there: /proc/2/cwd/..\n', '')).toBe('nobody:x:65534:65534:nobody:/tmp/work:/bin/sh\n');
    });

    test('it reaches no network: loopback, metadata address, names, sockets of the system', async () => {
      const { port } = server.address() as { port: number };
      const { out } = await run(
        python(
          `import socket
def attempt(what, work):
  try: work(); print('reached', what)
  except OSError: pass
for host, port in [('127.0.0.1', ${port}), ('169.254.169.254', 80), ('1.1.1.1', 53), ('10.0.0.1', 80)]:
  attempt(host, lambda: socket.create_connection((host, port), 2))
attempt('::1', lambda: socket.create_connection(('::1', ${port}), 2))
attempt('udp', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53)))
attempt('name', lambda: socket.getaddrinfo('example.com', 80))
for path in ['/run/docker.sock', '/var/run/docker.sock', '/run/dbus/system_bus_socket', '\\0/tmp/.X11-unix/X0']:
  attempt(path, lambda: socket.socket(socket.AF_UNIX).connect(path))
for family in [16, 17, 38, 40]:
  attempt(family, lambda: socket.socket(family, socket.SOCK_RAW if family == 17 else socket.SOCK_DGRAM))
attempt('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
print('done')`,
        ),
      );
      expect(out).toBe('done\n');
      expect(reached).toBe(0);
    });

    test('it gains no rights: namespaces, mounts, other processes, the kernel, programs that belong to root', async () => {
      const { out } = await run(
        python(
          `import ctypes,os,subprocess,platform
libc = ctypes.CDLL(None, use_errno=True)
x64 = platform.machine() == 'x86_64'
def call(name, *args):
  ctypes.set_errno(0)
  if libc.syscall(*args) >= 0: print('done', name)
  elif ctypes.get_errno() not in (1, 38): print(name, ctypes.get_errno())
for flag in [0x20000, 0x10000000, 0x20000000, 0x40000000, 0x02000000, 0x04000000, 0x08000000]:
  call('unshare %x' % flag, 272 if x64 else 97, flag)
  call('clone %x' % flag, 56 if x64 else 220, flag | 17, 0, 0, 0, 0)
call('clone3', 435, 0, 0)
call('mount', 165 if x64 else 40, b'none', b'/tmp', b'tmpfs', 0, 0)
call('umount', 166 if x64 else 39, b'/usr/bin', 2)
call('pivot', 155 if x64 else 41, b'/tmp', b'/tmp')
call('chroot', 161 if x64 else 51, b'/tmp')
call('fsopen', 430, b'tmpfs', 0)
call('ptrace', 101 if x64 else 117, 16, 1, 0, 0)
call('process_vm_writev', 311 if x64 else 271, 1, 0, 0, 0, 0, 0)
call('bpf', 321 if x64 else 280, 0, 0, 0)
call('keyctl', 250 if x64 else 219, 0, 0, 0)
call('userfaultfd', 323 if x64 else 282, 0)
call('io_uring', 425, 1, 0)
call('perf', 298 if x64 else 241, 0, 0, 0, 0, 0)
call('module', 313 if x64 else 273, 0, b'', 0)
call('reboot', 169 if x64 else 142, 0, 0, 0, 0)
for words in [['unshare', '-Ur', 'true'], ['mount', '-t', 'tmpfs', 'none', '/tmp'], ['su', '-c', 'true'], ['mknod', 'd', 'b', '8', '0']]:
  if subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0: print('ran', words)
for change in [lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.chown('/tmp/work', 0, 0), lambda: os.nice(-5)]:
  try: change(); print('changed')
  except OSError: pass
try:
  with open('/proc/self/status') as f: print([l.split()[1] for l in f if l.split(':')[0] in ('CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp')])
except OSError: print('no proc')
print(os.getuid(), os.getgid(), os.getgroups())`,
        ),
      );
      const rights = hasProc ? "['0000000000000000', '0000000000000000', '1', '2']" : 'no proc';
      expect(out).toBe(`${rights}\n65534 65534 []\n`);
    });

    test('a daemon that left its parents ends with the program, and says nothing afterwards', async () => {
      const { out, exit } = await run(
        python(
          `import os,sys,time
if os.fork() == 0:
  os.setsid()
  if os.fork() == 0:
    while True:
      time.sleep(0.05)
      print('late', flush=True)
  os._exit(0)
os.wait()
print('parent', flush=True)`,
        ),
      );
      expect(out.replaceAll('late\n', '')).toBe('parent\n');
      expect(exit).toMatchObject({ code: 0, limit: LimitMet.UNSPECIFIED });
    });

    test('a program that kills all it can only ends itself', async () => {
      const { exit } = await run(
        shell('kill -9 -1; kill -9 1; kill -9 $$; sleep 60', { limits: { timeout: seconds(20) } }),
      );
      expect(exit).toMatchObject({ code: -1, signal: 'SIGKILL', limit: LimitMet.UNSPECIFIED });
    });

    test('only regular files come back, and nothing through a link', async () => {
      const { exit } = await run(
        python(
          `import os,socket
open('good.txt', 'w').write('好')
os.symlink('/etc/passwd', 'passwd.txt')
os.symlink('good.txt', 'same.txt')
os.symlink('/usr', 'usr')
os.symlink('..', 'up')
os.symlink('/proc/self/root', 'root')
os.mkfifo('pipe.txt')
socket.socket(socket.AF_UNIX).bind('socket.txt')
os.mkdir('deep'); os.symlink('../../..', 'deep/top'); open('deep/b.bin', 'wb').write(b'\\xff\\x00')
os.mkdir('closed'); open('closed/c.txt', 'w').close(); os.chmod('closed', 0)
os.link('good.txt', 'hard.txt')
open('huge.txt', 'wb').truncate(1 << 24)
open('\\x1b[2J.txt', 'w').close()
open(b'\\xff.txt', 'w').close()
open('n' * 251 + '.txt', 'w').close()`,
          { outputs: ['**'] },
        ),
      );
      expect(exit.code).toBe(0);
      const given = new Map(exit.files.map(({ path, body }) => [path, body.value]));
      given.delete('closed/c.txt');
      expect(given).toEqual(
        new Map<string, unknown>([
          ['\x1b[2J.txt', ''],
          ['deep/b.bin', Buffer.from([0xff, 0])],
          ['good.txt', '好'],
          ['hard.txt', '好'],
          [`${'n'.repeat(251)}.txt`, ''],
        ]),
      );
      const why = new Map(exit.skipped.map(({ path, why }) => [path, why]));
      why.delete('closed');
      expect(why).toEqual(
        new Map([
          ['deep/top', SkipReason.SYMLINK],
          ['huge.txt', SkipReason.TOO_LARGE],
          ['passwd.txt', SkipReason.SYMLINK],
          ['pipe.txt', SkipReason.SPECIAL],
          ['root', SkipReason.SYMLINK],
          ['same.txt', SkipReason.SYMLINK],
          ['socket.txt', SkipReason.SPECIAL],
          ['up', SkipReason.SYMLINK],
          ['usr', SkipReason.SYMLINK],
          ['\ufffd.txt', SkipReason.NAME],
        ]),
      );
    });

    test('a program that replaces its folder gives back nothing of another', async () => {
      const { exit } = await run(
        shell('echo a > a; cd /tmp; mv work gone; ln -s /etc work; echo b > gone/b', { outputs: ['**'] }),
      );
      expect(exit.files.map(({ path }) => path).sort()).toEqual(['a', 'b']);
    });
  },
);
