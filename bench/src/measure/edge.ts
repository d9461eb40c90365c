// The real edge: resident memory beside a bare Node process, start to connected beside a bare start, and a tool call with an
// effect from the session's send to its receive beside a bare ping-pong with two fdatasync.
import type { Stack } from '../../../test/support/stack.ts';
import { bareStart } from '../harness/bare-start.ts';
import { type Bench, interleave, type Measure, ofRounds, ofSamples, setUp } from '../harness/measure.ts';
import { edgeLooks, MeasuredEdge } from '../harness/measured-edge.ts';
import { median } from '../harness/stats.ts';

const CALLS = 2_000;
const ARGV = ['/bin/true'];

const memory = setUp('edge-memory', async ({ quick }) => {
  const edge = await MeasuredEdge.start();
  try {
    return await edgeLooks(edge, CALLS, quick ? 2_000 : 5_000);
  } finally {
    await edge.close();
  }
});

/** Memory does not mind what else the machine does, so it is looked at while others prepare. */
export const edgeMemory: Measure = {
  name: 'edge-memory',
  what: 'resident memory of the edge',
  prepare: memory.prepare,
  run: async (bench: Bench) => {
    const looks = await memory.take(bench);
    const bare = ofRounds('bare Node', 'MB', [looks.bare]);
    const row = (what: string, mb: number, atMost: number) => ({
      measure: 'edge-memory',
      what: `edge, resident, ${what}`,
      ours: ofRounds('Bowline', 'MB', [mb]),
      peers: [bare],
      budget: { atMost },
    });
    return [
      row('idle', looks.idle, 1.6),
      row(`after ${CALLS} tool calls`, looks.after, 1.65),
      row('with the index open', looks.indexed, 1.75),
    ];
  },
};

const joined = setUp('edge-start', async ({ lab }) => {
  const [stack, host] = [await lab.stack(), await lab.agent('edge-host')];
  await join(stack, await host.call<string>('listen'));
  return { stack, host };
});

export const edgeStart: Measure = {
  name: 'edge-start',
  what: 'edge: start to connected',
  prepare: joined.prepare,
  run: async (bench: Bench) => {
    const { stack, host } = await joined.take(bench);
    const connected = async () => {
      const hello = host.call<bigint>('hello');
      const start = process.hrtime.bigint();
      const edge = stack.start('edge', ['--allow', stack.docs]);
      const ms = Number((await hello) - start) / 1e6;
      await edge.stop();
      return ms;
    };
    const bare = bareStart;
    await interleave(1, { connected, bare });
    const times = await interleave(bench.quick ? 5 : 15, { connected, bare });
    await stack.close();
    return [
      {
        measure: 'edge-start',
        what: 'edge, start to connected, p50',
        ours: ofRounds('Bowline', 'ms', times.connected),
        peers: [ofRounds('bare Node start', 'ms', times.bare)],
        budget: { atMost: 5 },
      },
    ];
  },
};

const called = setUp('tool-call', async ({ lab }) => {
  const stack = await lab.stack();
  const entry = `  execute:\n    - { argv: ['${ARGV[0]}'], confirm: never, output: share, isolation: none }\n`;
  stack.write('home/config.yaml', `allow:\n  read: ['${stack.docs}']\n${entry}`, 0o600);
  const host = await lab.agent('edge-host');
  const line = await host.call<string>('listen');
  const connected = host.call<bigint>('hello');
  await join(stack, line, false);
  await connected;
  const [server, client] = [await lab.agent('ping'), await lab.agent('ping')];
  await client.call('connect', { url: await server.call<string>('listen'), folder: stack.dir, argv: ARGV });
  await server.call('opened');
  return { stack, host, server };
});

export const toolCall: Measure = {
  name: 'tool-call',
  what: 'tool call with an effect, from the session to the edge and back',
  prepare: called.prepare,
  run: async (bench: Bench) => {
    const { stack, host, server } = await called.take(bench);
    // After a result the edge still journals that it is settled.
    const sidesFor = (ms: number) => ({
      ours: () => host.call<number[]>('latency', { argv: ARGV, ms, pauseMs: 10 }),
      whole: () => server.call<number[]>('latency', { command: true, ms, pauseMs: 10 }),
      bare: () => server.call<number[]>('latency', { command: false, ms, pauseMs: 10 }),
    });
    await interleave(1, sidesFor(bench.quick ? 400 : 2_500));
    const times = await interleave(bench.quick ? 3 : 7, sidesFor(bench.quick ? 700 : 2_500));
    await stack.close();
    // The command itself is the tool's work, not the call's: what it adds to the bare ping-pong is taken off ours.
    const command = median(times.whole.map(median)) - median(times.bare.map(median));
    const own = times.ours.map((ours) => median(ours) - command);
    return [
      {
        measure: 'tool-call',
        what: 'tool call (EXECUTE), p50, without its command',
        ours: ofRounds('Bowline', 'ms', own),
        peers: [ofSamples('ping-pong + 2 fdatasync', 'ms', times.bare)],
        budget: { atMost: 1.5 },
      },
      {
        measure: 'tool-call',
        what: `tool call (EXECUTE), p50, with ${ARGV[0]}`,
        ours: ofSamples('Bowline', 'ms', times.ours),
        peers: [ofSamples('the same with the command', 'ms', times.whole)],
      },
    ];
  },
};

/** Starts a real edge that joins; it is ended again where only its identity is wanted. */
async function join(stack: Stack, line: string, end = true): Promise<void> {
  const words = end ? ['--allow', stack.docs] : [];
  const edge = stack.start('edge', [...words, '--join'], `${line}\n`);
  await edge.ready();
  if (end) await edge.stop();
}
