import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const module = join(import.meta.dirname, 'end-process.ts');
const BOUND_MS = 60_000;

/** Runs `code` as a program, with what stands in front of it in a shell and behind it. */
function run(code: string, shell = '"$NODE" "$@"', env = {}) {
  const words = [
    '--input-type=module',
    '-e',
    `import { endNow, endProcess, endWithin } from ${JSON.stringify(module)};${code}`,
  ];
  return spawnSync('sh', ['-c', shell, 'sh', ...words], {
    env: { ...process.env, ...env, NODE: process.execPath },
    encoding: 'utf8',
    timeout: BOUND_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 24,
  });
}

test.each([0, 1, 2, 6, 7, 255])('the exit code %i survives, and no word is printed beside', (code) => {
  const { status, stdout, stderr } = run(`endNow(${code})`);
  expect([status, stdout, stderr]).toEqual([code, '', '']);
});

test('what was printed is written out first, however slow the reader', () => {
  const code = `process.stdout.write('x'.repeat(3_000_000)); process.stderr.write('why'); await endProcess(5);`;
  const { stdout, stderr } = run(code, '{ "$NODE" "$@"; echo "code $?" >&2; } | { sleep 0.2; wc -c; }');
  expect([stdout.trim(), stderr]).toEqual(['3000000', 'whycode 5\n']);
});

test('a reader that does not read holds nobody up beyond the bound', () => {
  const code = `process.stdout.write('x'.repeat(3_000_000)); await endProcess(5, 50);`;
  // The reader reads only once the program has ended.
  const shell =
    'mkfifo "$AT/end"; { "$NODE" "$@"; echo "code $?" >"$AT/end"; } | { read -r line <"$AT/end"; echo "$line"; }';
  const at = mkdtempSync(join(tmpdir(), 'bowline-end-'));
  try {
    expect(run(code, shell, { AT: at }).stdout).toBe('code 5\n');
  } finally {
    rmSync(at, { recursive: true });
  }
});

test.each([
  ['an exit that hangs', `process.on('exit', () => { for (;;); }); await endProcess(6);`],
  ['work that never ends', `setInterval(() => {}, 1000); endWithin(20, 6);`],
  [
    'a thread that computes',
    `const { Worker } = await import('node:worker_threads');
    const worker = new Worker('require("node:worker_threads").parentPort.postMessage(1); for (;;);', { eval: true, execArgv: [] });
    worker.once('message', () => endNow(6));`,
  ],
])('%s does not keep a process', (_name, code) => {
  const { status, signal } = run(code);
  expect([status, signal]).toEqual([6, null]);
});

test.each(['', 'process.stdin.resume();', 'process.stdin.resume(); process.stdin.destroy();'])(
  'pipes are left blocking for whoever shares them (%s)',
  (stdin) => {
    const code = `${stdin} process.stdout.write('x'); setTimeout(() => endProcess(0), 20);`;
    const flags = 'for fd in 0 1; do grep flags /proc/self/fdinfo/$fd >&2; done';
    const { stderr } = run(code, `sleep 0.3 | { "$NODE" "$@"; ${flags}; } | cat`);
    const nonBlocking = stderr
      .trim()
      .split('\n')
      .map((line) => Number.parseInt(line.split(/\s+/)[1]!, 8) & 0o4000);
    expect(nonBlocking).toEqual([0, 0]);
  },
);

test('no program ends itself in another way', () => {
  const src = join(import.meta.dirname, '..');
  // Threads and children, which are ended from outside.
  const apart = /^(base\/end-process|base\/embedded-database\/embedded-worker|worker\/\w+\/\w+-child)\.ts$/;
  const found = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !apart.test(file))
    .filter((file) => /process\.(exit|reallyExit|abort)\(/.test(readFileSync(join(src, file), 'utf8')));
  expect(found).toEqual([]);
});
