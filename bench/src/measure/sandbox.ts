// The sandbox from a request to the end of a program that does next to nothing, beside bubblewrap and Node started by hand.
import { bubblewrap } from '../../../test/support/bubblewrap.ts';
import { type Bench, interleave, type Measure, ofSamples } from '../harness/measure.ts';

export const sandboxStart: Measure = {
  name: 'sandbox-start',
  what: 'sandbox: cold start of a program',
  run: async ({ lab, quick }: Bench) => {
    await bubblewrap();
    const agent = await lab.agent('sandbox');
    const pace = { ms: quick ? 600 : 3_000, pauseMs: 0 };
    const sides = {
      ours: () => agent.call<number[]>('ours', pace),
      bare: () => agent.call<number[]>('bare', pace),
    };
    await interleave(1, sides);
    const times = await interleave(quick ? 3 : 7, sides);
    return [
      {
        measure: 'sandbox-start',
        what: 'sandbox, a program of one line from request to end, p50',
        ours: ofSamples('Bowline', 'ms', times.ours),
        peers: [ofSamples('bubblewrap + Node', 'ms', times.bare)],
        budget: { atMost: 1.6 },
      },
    ];
  },
};
