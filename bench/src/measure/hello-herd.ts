// How long one replica takes to serve edges that all connect at the same moment, as after a restart of it, and whether any of them
// is superseded by a Hello of its own that it had given up.
import { type Bench, type Measure, ofRounds } from '../harness/measure.ts';

interface Herd {
  /** Until the last one had its Welcome. */
  readonly ms: number;
  readonly superseded: number;
  /** How often one was told to come again later. */
  readonly paced: number;
}

export const helloHerd: Measure = {
  name: 'hello-herd',
  what: 'edges that connect at once to one replica',
  run: async ({ lab, quick, say }: Bench) => {
    const count = quick ? 1_000 : 5_000;
    const { stack } = await lab.control('servers', { name: 'herd' });
    const edges = await lab.agent('idle-edges');
    await edges.call('join', { url: stack.url, ownerKey: stack.ownerKey, count });
    say(`${count} edges have joined`);
    const { ms, superseded, paced } = await edges.call<Herd>('herd');
    say(`${count} edges at once: ${Math.round(ms)} ms, ${paced} times one was told to come later`);
    await edges.stop();
    const measure = 'hello-herd';
    return [
      {
        measure,
        what: `until the last of ${count} edges is served`,
        ours: ofRounds('Bowline', 'ms', [ms]),
        peers: [],
        budget: { atMost: 30_000, absolute: true },
      },
      {
        measure,
        what: 'of them superseded, share',
        ours: ofRounds('Bowline', 'share', [superseded / count]),
        peers: [],
        budget: { atMost: 0, absolute: true },
      },
    ];
  },
};
