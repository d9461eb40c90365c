// What a user waits for and pays when everything is started on one machine by the launcher: `up` in a new home and in one that was used,
// its processor time in all processes, and its memory when it idles.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Program } from '../../../test/support/program.ts';
import { ROOT, type Stack } from '../../../test/support/stack.ts';
import { bareCpu, bareResident, bareStart } from '../harness/bare-start.ts';
import { cpuMs } from '../harness/cpu.ts';
import { NOTES } from '../harness/lab.ts';
import { type Bench, type Figure, interleave, type Measure, ofRounds, type Row, setUp } from '../harness/measure.ts';
import { residentOfUp, together } from '../harness/up-memory.ts';

const REST_MS = 5_000;
/** What a user waits at most from a warm start to the end of the first answer, on a machine that does nothing else. */
const ANSWER_MS = 3_000;

interface Start {
  readonly ms: number;
  /** Processor time of all its processes until it was ready, in milliseconds. */
  readonly cpu: number;
}

/** Memory does not mind what else the machine does, so it is looked at while others prepare. */
const memory = setUp('up memory', async ({ lab }) => {
  const { stack, pid } = await lab.up();
  await wait(REST_MS);
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${stack.ownerKey}`);
    return next(request);
  };
  const transport = createGrpcTransport({ baseUrl: stack.url, interceptors: [authorize] });
  return { ours: together(await residentOfUp(transport, pid)), bare: await bareResident() };
});

export const up: Measure = {
  name: 'up',
  what: 'up: first and warm start, memory',
  prepare: memory.prepare,
  run: async (bench: Bench) => {
    const { lab, quick } = bench;
    let stack: Stack | undefined;
    const sides = {
      first: async () => {
        await stack?.close();
        stack = await lab.stack(NOTES);
        return started(stack);
      },
      warm: () => started(stack!),
      answer: () => started(stack!, answered),
      bare: async (): Promise<Start> => ({ ms: await bareStart(), cpu: await bareCpu() }),
    };
    const times = await interleave(quick ? 3 : 7, sides);
    await stack?.close();
    const { ours, bare } = await memory.take(bench);
    const figure = (label: string, side: keyof typeof sides, key: keyof Start): Figure =>
      ofRounds(
        label,
        'ms',
        times[side].map((one) => one[key]),
      );
    const row = (what: string, side: 'first' | 'warm' | 'answer', key: keyof Start, atMost?: number): Row => ({
      measure: 'up',
      what,
      ours: figure('Bowline', side, key),
      peers: [figure('bare Node start', 'bare', key)],
      ...(atMost === undefined ? {} : { budget: { atMost } }),
    });
    return [
      row('up, first start to ready, p50', 'first', 'ms'),
      row('CPU time of that, all processes', 'first', 'cpu'),
      row('up, warm start to ready, p50', 'warm', 'ms', 40),
      row('CPU time of a warm start, all processes', 'warm', 'cpu'),
      {
        ...row('up, warm start to the first answer, p50', 'answer', 'ms'),
        budget: { atMost: ANSWER_MS, absolute: true },
      },
      {
        measure: 'up',
        what: 'up, resident, all processes, idle',
        ours: ofRounds('Bowline', 'MB', [ours]),
        peers: [ofRounds('bare Node', 'MB', [bare])],
        budget: { atMost: 450, absolute: true },
      },
    ];
  },
};

/** Starts `up` by the launcher, as a user does, and ends it when it was ready, or when what comes then is done. */
async function started(stack: Stack, then: (stack: Stack) => Promise<void> = async () => {}): Promise<Start> {
  const words = ['up', '--allow', stack.docs, '--home', stack.home, '--port', String(stack.port)];
  const began = performance.now();
  const program = new Program('up', [LAUNCHER, ...words], { cwd: stack.dir, env: environment() });
  try {
    await program.ready();
    await then(stack);
    return { ms: performance.now() - began, cpu: cpuMs(program.pid) };
  } finally {
    await program.stop();
  }
}

/** The first question, by the launcher too, until its answer is whole. */
async function answered({ home, dir }: Stack): Promise<void> {
  const asking = promisify(execFile)(LAUNCHER, ['ask', '--home', home, 'Which files are there?'], {
    cwd: dir,
    env: environment(),
  });
  // It would be waited for: what comes there is asked about, too.
  asking.child.stdin?.end();
  await asking;
}

const LAUNCHER = join(ROOT, 'bowline');

function environment(): { PATH: string; HOME: string } {
  const { PATH = '', HOME = '' } = process.env;
  return { PATH, HOME };
}
