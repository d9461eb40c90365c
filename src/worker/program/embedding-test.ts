// Has a model make the vectors of two tiny texts, to see whether address, key, name and dimension are right.
import { Purpose } from '../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import type { Clock } from '../../base/clock.ts';
import type { Embedder } from '../handlers/embed/embedder.ts';
import { withDeadline } from './with-deadline.ts';

export interface EmbeddingTest {
  readonly provider: string;
  readonly model: string;
  readonly local: boolean;
  /** What its vectors are called in every result. */
  readonly id: string;
  readonly dimension: number;
  readonly lexical: boolean;
  readonly totalMs: number;
  readonly inputTokens: number;
}

/** One request of at most `timeoutMs` (60 s). Throws what the embedder throws, DEADLINE_EXCEEDED. */
export async function testEmbedding(embedder: Embedder, clock: Clock, timeoutMs = 60_000): Promise<EmbeddingTest> {
  const { info, id, dimension, lexical } = embedder;
  const start = clock.monotonic();
  const { tokens } = await withDeadline(clock, timeoutMs, (signal) =>
    embedder.embed(['Hello', 'Good morning'], Purpose.DOCUMENT, signal),
  );
  return {
    provider: info.provider,
    model: info.name,
    local: info.local,
    id,
    dimension,
    lexical,
    totalMs: Math.round(clock.monotonic() - start),
    inputTokens: tokens,
  };
}
