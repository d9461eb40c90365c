// How long a user waits for the command line: the launcher's `--version` and `status` with everything running, and an ask until its first
// character, beside a bare Node start.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT, type Stack } from '../../../test/support/stack.ts';
import { bareStart } from '../harness/bare-start.ts';
import { type Bench, interleave, type Measure, ofRounds } from '../harness/measure.ts';

export const cliStart: Measure = {
  name: 'cli-start',
  what: 'command line: start of its verbs, and an ask until its first character',
  prepare: ({ lab }: Bench) => lab.up(),
  run: async ({ lab, quick }: Bench) => {
    const { stack } = await lab.up();
    const run = (...words: string[]) => launched(stack, words);
    const sides = {
      version: async () => (await run('--version')).ended,
      status: async () => (await run('status')).ended,
      ask: async () => (await run('ask', '--share', 'launch.md', 'When is the launch?')).first,
      bare: bareStart,
    };
    await interleave(1, sides);
    const times = await interleave(quick ? 5 : 15, sides);
    const row = (side: 'version' | 'status' | 'ask', what: string, atMost?: number) => ({
      measure: 'cli-start',
      what,
      ours: ofRounds('Bowline', 'ms', times[side]),
      peers: [ofRounds('bare Node start', 'ms', times.bare)],
      ...(atMost === undefined ? {} : { budget: { atMost } }),
    });
    return [
      row('version', 'bowline --version, p50', 2),
      row('status', 'bowline status, p50', 4),
      row('ask', 'bowline ask, to the first character, p50'),
    ];
  },
};

/** Runs the launcher to its end: milliseconds until the first character on standard output, and until the process was gone. */
async function launched(stack: Stack, words: readonly string[]): Promise<{ first: number; ended: number }> {
  const { PATH = '', HOME = '' } = process.env;
  const start = performance.now();
  const since = () => performance.now() - start;
  const child = spawn(join(ROOT, 'bowline'), words, {
    cwd: stack.docs,
    env: { PATH, HOME, BOWLINE_HOME: stack.home },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let first = Number.NaN;
  child.stdout.once('data', () => {
    first = since();
  });
  child.stdout.resume();
  const [code] = await once(child, 'exit');
  const ended = since();
  if (code !== 0) throw new Error(`bowline ${words.join(' ')} ended with ${code}`);
  return { first, ended };
}
