// Vectors: texts per second with and without micro-batching over a provider with the latency of a real one, what the batch's
// wait costs a lone job, and the lexical model beside its bare function.
import { type Bench, interleave, type Measure, ofRounds, ofSamples } from '../harness/measure.ts';

/** A small model on a GPU: so much for each request whatever is in it, four requests at once. */
const PROVIDER = { dimension: 1024, requestMs: 20, textMs: 0.5, atOnce: 4 };
const IN_FLIGHT = 64;

export const embed: Measure = {
  name: 'embed',
  what: 'vectors: texts per second with and without micro-batching, and of the lexical model',
  run: async ({ lab, quick }: Bench) => {
    const [provider, worker] = [await lab.agent('embed-provider'), await lab.agent('embed')];
    const url = await provider.call<string>('listen', PROVIDER);
    await worker.call('connect', { url, dimension: PROVIDER.dimension });
    const ms = quick ? 300 : 3_000;
    const fast = (model: string) => () => worker.call<number>('rate', { model, ms, inFlight: IN_FLIGHT });
    const alone = (model: string) => () => worker.call<number[]>('latency', { model, ms });
    const sides = { together: fast('together'), alone: fast('alone') };
    await interleave(1, sides);
    const speed = await interleave(quick ? 3 : 5, sides);
    const delay = await interleave(quick ? 3 : 5, { together: alone('together'), alone: alone('alone') });
    const lexical = {
      job: fast('lexical'),
      bare: () => worker.call<number>('bare', { ms, inFlight: 1 }),
    };
    await interleave(1, lexical);
    const letters = await interleave(quick ? 3 : 5, lexical);
    const measure = 'embed';
    return [
      {
        measure,
        what: `embed, ${IN_FLIGHT} jobs of one text in flight, provider of ${PROVIDER.requestMs} ms a request`,
        ours: ofRounds('micro-batches', 'per s', speed.together),
        peers: [ofRounds('a request each', 'per s', speed.alone)],
        budget: { atLeast: 3 },
      },
      {
        measure,
        what: 'embed, a lone job, p50',
        ours: ofSamples('micro-batches', 'ms', delay.together),
        peers: [ofSamples('a request each', 'ms', delay.alone)],
        budget: { atMost: 1.5 },
      },
      {
        measure,
        what: 'embed, lexical, jobs of one text of 800 characters',
        ours: ofRounds('Bowline', 'per s', letters.job),
        peers: [ofRounds('bare function', 'per s', letters.bare)],
        budget: { atLeast: 0.7 },
      },
    ];
  },
};
