// What a program does once at the build, so that V8 compiles what its starts use (compiled-program.mjs). Everything lies in a temporary
// folder. Each training gets the command that runs the program and resolves when that has ended well.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

/** A training that takes longer, on however busy a machine, hangs. */
const LIMIT_MS = 60_000;

/** One command line from its start to its end, whatever its exit code says. */
export function commandLine(...words) {
  return async (command) => await run([...command, ...words], '', async () => {}, true);
}

/** A real edge that joins, connects and is stopped. */
export function edgeStart(root) {
  return async (command) => await withEdge(root, command, async () => {});
}

/** A question of the command line to a real edge, which has a control plane that answers nothing else. */
export function statusOfEdge(root, edge) {
  return async (command) =>
    await withEdge(root, edge, async (home) => {
      await run([...command, '--home', home, 'status'], '', async () => {}, true);
    });
}

/** A worker with all capabilities that connects to a real control plane and is stopped. */
export function workerStart(control) {
  return async (command) =>
    await inFolder(async (home) => {
      await run([...control, 'control', '--home', home, '--port', '0'], '', async ({ child, printed }) => {
        const { control: url } = JSON.parse((await printed(/^ready (.*)$/m))[1]);
        const set = [
          'BOWLINE_WORKER_SERVE=embed,llm,retrieval,sandbox,web',
          `BOWLINE_WORKER_KEY_FILE=${join(home, 'control', 'worker.key')}`,
          'BOWLINE_LOG_TO=file',
        ];
        await run([...command, 'worker', '--with-parent', '--home', home], undefined, async (worker) => {
          worker.child.stdin.write(`${JSON.stringify({ env: {}, set })}\n${url}\n`);
          await worker.printed(/^ready /m);
          worker.child.kill('SIGTERM');
        });
        child.kill('SIGTERM');
      });
    });
}

/** All of Bowline on this machine, until it is ready. */
export function upStart() {
  return async (command) =>
    await inFolder(async (home) => {
      const words = ['up', '--home', home, '--allow', home, '--port', '0'];
      await run([...command, ...words], '', async ({ child, printed }) => {
        await printed(/^ready /m);
        child.kill('SIGTERM');
      });
    });
}

async function inFolder(task) {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-training-'));
  try {
    return await task(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param meanwhile is done while the edge is connected, and is told its home */
async function withEdge(root, command, meanwhile) {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-training-'));
  // In the tree, so that it finds its packages.
  const file = join(root, 'dist', `.training-${process.pid}.mjs`);
  try {
    await build({
      absWorkingDir: root,
      entryPoints: ['scripts/training-control.ts'],
      outfile: file,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'warning',
    });
    await run([process.execPath, file], undefined, async (control) => {
      const [line] = await control.printed(/^http.*\n/);
      const home = join(folder, 'home');
      await run([...command, 'edge', '--home', home, '--join'], line, async (edge) => {
        await control.printed(/^hello$/m);
        await edge.printed(/^ready /m);
        await meanwhile(home);
        edge.child.kill('SIGTERM');
      });
      control.child.stdin.end();
    });
  } finally {
    rmSync(file, { force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param input of the program, which then ends; undefined: it stays open */
async function run([file, ...words], input, meanwhile, anyCode = false) {
  const { PATH = '' } = process.env;
  const child = spawn(file, words, { env: { PATH, HOME: '/' } });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  let [out, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
    child.emit('printed');
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  child.stdin.on('error', () => {});
  if (input !== undefined) child.stdin.end(input);
  const closed = once(child, 'close');
  const ended = closed.then(([code, signal]) => {
    if (anyCode ? code === null : code !== 0) throw new Error(`ended with ${code ?? signal}\n${errors}`);
  });
  // It may end while `meanwhile` waits for something else; the error is thrown below.
  ended.catch(() => {});
  const printed = async (what) => {
    while (!what.test(out))
      await Promise.race([
        once(child, 'printed'),
        ended.then(() => Promise.reject(new Error(`ended without ${what}`))),
      ]);
    return what.exec(out);
  };
  try {
    await meanwhile({ child, printed });
    await ended;
  } finally {
    child.kill('SIGKILL');
    await closed;
    clearTimeout(timer);
  }
}
