// What a search in 20,000 passages costs and finds: through the index beside comparing every vector, hybrid beside vectors alone.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, interleave, type Measure, ofRounds, ofSamples, setUp } from '../harness/measure.ts';

const filled = setUp('retrieval', async ({ lab, quick }) => {
  const folder = await mkdtemp(join(tmpdir(), 'bowline-bench-retrieval-'));
  lab.onClose(() => rm(folder, { recursive: true, force: true }));
  const agent = await lab.agent('retrieval');
  const size = { passages: quick ? 3_000 : 20_000, questions: quick ? 30 : 100 };
  await agent.call('open', { folder, url: process.env.BOWLINE_TEST_VECTOR_URL, passages: size.passages });
  return { agent, ...(await agent.call<{ passages: number; cpuMs: number }>('fill', size)) };
});

export const retrieval: Measure = {
  name: 'retrieval',
  what: 'search in a collection of many passages, its recall, and ingest',
  prepare: filled.prepare,
  run: async (bench: Bench) => {
    const { quick } = bench;
    const { agent, passages, cpuMs } = await filled.take(bench);
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
      {
        measure,
        what: 'ingest, CPU time of a passage',
        ours: ofRounds('Bowline', 'ms', [cpuMs / passages]),
        peers: [],
      },
    ];
  },
};
