// The embedded default: needs no download, no network and no key, and says that it compares letters. Gives the event loop
// back between texts, so that a big batch never makes a heartbeat late.
import { setImmediate } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { ModelInfoSchema } from '../../../../../gen/bowline/common/v1/common_pb.ts';
import { LEXICAL } from '../../../models/built-in.ts';
import type { Embedder } from '../embedder.ts';
import { LEXICAL_DIMENSION, LEXICAL_MODEL, lexicalVector } from './lexical-vector.ts';

/** Characters between two breaths; some 2 ms. */
const BREATH = 16_384;

export const lexicalEmbedder: Embedder = {
  info: create(ModelInfoSchema, {
    provider: LEXICAL,
    name: LEXICAL_MODEL,
    local: true,
    note: 'Built in, no language model: it compares letters, not meaning.',
  }),
  id: `${LEXICAL}/${LEXICAL_MODEL}`,
  dimension: LEXICAL_DIMENSION,
  lexical: true,
  fit: (text) => text,
  embed: async (texts, _purpose, signal) => {
    const vectors: Float32Array[] = [];
    let since = 0;
    for (const text of texts) {
      signal.throwIfAborted();
      if (since > 0 && since + text.length > BREATH) {
        await setImmediate();
        signal.throwIfAborted();
        since = 0;
      }
      vectors.push(lexicalVector(text));
      since += text.length;
    }
    return { vectors, tokens: 0 };
  },
};
