// Runs programs for the test: what they print goes to a log, and is shown when they fail.
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Everything that was run, and what it said. */
export const LOG = process.env.BOWLINE_DOCKER_LOG ?? '/tmp/bowline-docker-test.log';

export const say = (line) => process.stdout.write(`${line}\n`);

/** Resolves with standard output. Rejects with both outputs when the program fails. */
export function run(file, words, { env = {}, cwd = root, input, quiet = false, timeoutMs = 1_800_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    const out = { stdout: '', stderr: '' };
    const note = (text) => quiet || appendFileSync(LOG, text);
    note(`\n$ ${file} ${words.join(' ')}\n`);
    for (const stream of ['stdout', 'stderr']) {
      child[stream].setEncoding('utf8').on('data', (text) => {
        out[stream] += text;
        note(text);
      });
    }
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(out.stdout);
      else reject(Object.assign(new Error(`${file} ${words.slice(0, 6).join(' ')} ended with ${code}:\n${(out.stderr || out.stdout).slice(-4000)}`), { code, ...out }));
    });
  });
}

export const docker = (words, options = {}) => run(process.env.DOCKER ?? 'docker', words, options);

/** Waits until `find` gives something other than false or undefined; errors count as not yet. */
export async function until(what, find, withinMs = 120_000) {
  const end = Date.now() + withinMs;
  let last;
  for (;;) {
    try {
      const found = await find();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}${last ? `: ${last.message}` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
