// What a search in 20,000 passages costs and finds: through the index beside comparing every vector, hybrid beside vectors alone.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, interleave, type Measure, ofRounds, ofSamples } from '../harness/measure.ts';

export const retrieval: Measure = {
  name: 'retrieval',
  what: 'search in a collection of many passages, its recall, and ingest',
  run: async ({ lab, quick, say }: Bench) => {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-bench-retrieval-'));
    const url = process.env.BOWLINE_TEST_VECTOR_URL;
    const agent = await lab.agent('retrieval');
    try {
      const size = { passages: quick ? 4_000 : 20_000, questions: quick ? 50 : 100 };
      await agent.call('open', { folder, url, passages: size.passages });
      const { passages, seconds } = await agent.call<{ passages: number; seconds: number }>('fill', size);
      say(`${passages} passages in ${seconds.toFixed(0)} s, ${url ? 'Postgres' : 'embedded'}`);
      const sides = {
        index: () => agent.call<number[]>('index', {}),
        exact: () => agent.call<number[]>('exact', {}),
        hybrid: () => agent.call<number[]>('hybrid', {}),
      };
      await interleave(1, sides);
      const times = await interleave(quick ? 3 : 5, sides);
      const recall = await agent.call<number>('recall', {});
      const hits = await agent.call<{ hybrid: number; vector: number }>('hits', {});
      await agent.call('close', {});
      const measure = 'retrieval';
      const exact = ofSamples('all compared', 'ms', times.exact);
      return [
        {
          measure,
          what: `ten nearest of ${passages} passages, p50`,
          ours: ofSamples('Bowline', 'ms', times.index),
          peers: [exact],
          budget: { atMost: quick ? 2 : 0.75 },
        },
        {
          measure,
          what: 'hybrid search with its texts, p50',
          ours: ofSamples('Bowline', 'ms', times.hybrid),
          peers: [exact],
          budget: { atMost: quick ? 8 : 2 },
        },
        {
          measure,
          what: 'recall of the ten nearest',
          ours: ofRounds('Bowline', 'share', [recall]),
          peers: [],
          budget: { atLeast: 0.95, absolute: true },
        },
        {
          measure,
          what: 'questions answered within ten passages, hybrid',
          ours: ofRounds('Bowline', 'share', [hits.hybrid]),
          peers: [ofRounds('vectors alone', 'share', [hits.vector])],
          budget: { atLeast: 1 },
        },
        { measure, what: 'ingest, passages', ours: ofRounds('Bowline', 'per s', [passages / seconds]), peers: [] },
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
