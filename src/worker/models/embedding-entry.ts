// One entry of `embeddings` in models.yaml: a model that makes vectors of texts.
import * as v from 'valibot';
import { KEY_REF } from '../kit/key-ref.ts';
import { EMBEDDING_PROVIDERS } from './providers.ts';

/** Numbers of one vector that the contract has room for. */
export const MAX_DIMENSION = 8192;

const prefix = v.pipe(v.string(), v.maxLength(512));

export const EmbeddingSchema = v.strictObject({
  provider: v.picklist([...EMBEDDING_PROVIDERS, 'gguf']),
  /** For `gguf` what the file is called in ids. */
  model: v.optional(v.pipe(v.string(), v.maxLength(128)), ''),
  /** For `gguf`: the model file; a relative path begins in the home. */
  file: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(4096))),
  dimension: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_DIMENSION)),
  shorten: v.optional(v.boolean()),
  base_url: v.optional(v.pipe(v.string(), v.maxLength(2048))),
  key: v.optional(
    v.pipe(v.string(), v.regex(KEY_REF, 'must be file:NAME, file:/path or env:NAME; a key itself never stands here')),
  ),
  max_input_tokens: v.optional(v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(1_000_000))),
  query_prefix: v.optional(prefix),
  document_prefix: v.optional(prefix),
  version: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9._-]{0,30}$/, 'a version is lower-case letters, digits, dot, dash')),
  ),
  price: v.optional(v.strictObject({ input: v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000)) })),
});

export type EmbeddingEntry = v.InferOutput<typeof EmbeddingSchema>;
