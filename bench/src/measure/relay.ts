// Text of a model on its way worker -> control plane -> edge, beside one hop of a gRPC server stream with the same messages.
import { type Bench, interleave, type Measure, ofRounds, ofSamples } from '../harness/measure.ts';
import { median } from '../harness/stats.ts';

interface Relayed {
  readonly characters: number;
  readonly frames: number;
  readonly seconds: number;
}

/** Characters of one piece, as a model's tokens arrive. */
const PIECE = 20;
const EVERY_MS = 5;

export const relay: Measure = {
  name: 'relay',
  what: 'token relay: characters per second, added latency',
  prepare: ({ lab }: Bench) => lab.bowline('servers'),
  run: async ({ lab, quick }: Bench) => {
    const { edge } = await lab.bowline('servers');
    const [server, client] = [await lab.agent('stream'), await lab.agent('stream')];
    await client.call('connect', { url: await server.call<string>('listen') });
    const pieces = quick ? 20_000 : 40_000;
    const fast = (agent: typeof edge, how: 'relay' | 'frames') => async () => {
      const got = await agent.call<Relayed>('relay', { ask: `${how} ${pieces} ${PIECE}` });
      if (got.characters !== pieces * PIECE) throw new Error(`${got.characters} characters came of ${pieces * PIECE}`);
      return got;
    };
    const slow = (agent: typeof edge) => () =>
      agent.call<number[]>('drip', { ask: `drip ${quick ? 150 : 400} ${EVERY_MS}` });
    const sides = { ours: fast(edge, 'relay'), frames: fast(edge, 'frames'), hop: fast(client, 'frames') };
    await interleave(1, sides);
    const speed = await interleave(quick ? 3 : 5, sides);
    const delay = await interleave(quick ? 3 : 5, { ours: slow(edge), hop: slow(client) });
    const persec = (label: string, rounds: Relayed[]) =>
      ofRounds(
        label,
        'chars/s',
        rounds.map(({ characters, seconds }) => characters / seconds),
      );
    const added = delay.ours.map((times, i) => median(times) - median(delay.hop[i]!));
    const measure = 'relay';
    return [
      {
        measure,
        what: `token relay, pieces of ${PIECE} characters, joined when slow`,
        ours: persec('Bowline', speed.ours),
        peers: [persec('one gRPC hop', speed.hop)],
        budget: { atLeast: 2 },
      },
      {
        measure,
        what: 'token relay, each piece a frame',
        ours: persec('Bowline', speed.frames),
        peers: [persec('one gRPC hop', speed.hop)],
      },
      {
        measure,
        what: 'token relay, unloaded, p50 from send to receive',
        ours: ofSamples('Bowline', 'ms', delay.ours),
        peers: [ofSamples('one gRPC hop', 'ms', delay.hop)],
      },
      {
        measure,
        what: 'token relay, unloaded, p50 added to one hop',
        ours: ofRounds('Bowline', 'ms', added),
        peers: [],
        budget: { atMost: 0.5, absolute: true },
      },
    ];
  },
};
