// The flags of `models set` for a model that makes vectors, and the entry that they mean.
import { AppError } from '../../base/errors.ts';
import { type EmbeddingEntry, MAX_DIMENSION } from '../models/embedding-entry.ts';
import { EMBEDDING_PROVIDERS } from '../models/providers.ts';

export interface EmbeddingFlags {
  readonly embedding?: boolean;
  readonly dimension?: string;
  readonly shorten?: boolean;
  readonly maxInputTokens?: string;
  readonly queryPrefix?: string;
  readonly documentPrefix?: string;
}

/** Throws USAGE when a flag that only vectors have is given for a model that answers. */
export function mustBeChat(flags: EmbeddingFlags): void {
  const { dimension, shorten, maxInputTokens, queryPrefix, documentPrefix } = flags;
  const given = dimension ?? shorten ?? maxInputTokens ?? queryPrefix ?? documentPrefix;
  if (given === undefined) return;
  const what = '--dimension, --shorten, --max-input-tokens and the prefixes belong to --embedding';
  throw new AppError('USAGE', { what });
}

/** The entry without its key. Throws USAGE. */
export function embeddingEntry(
  flags: EmbeddingFlags & { provider: string; model: string; baseUrl?: string; maxOutputTokens?: string },
): EmbeddingEntry {
  const { provider: wanted, model, baseUrl, shorten, queryPrefix, documentPrefix } = flags;
  const provider = EMBEDDING_PROVIDERS.find((known) => known === wanted);
  if (!provider) {
    throw new AppError('USAGE', { what: `${wanted} makes no vectors; there are ${EMBEDDING_PROVIDERS.join(', ')}` });
  }
  if (flags.maxOutputTokens !== undefined)
    throw new AppError('USAGE', { what: '--max-output-tokens does not belong to --embedding' });
  if (flags.dimension === undefined)
    throw new AppError('USAGE', { what: '--embedding needs --dimension, how many numbers a vector of the model has' });
  const tokens = flags.maxInputTokens;
  return {
    provider,
    model,
    dimension: whole('--dimension', flags.dimension, 1, MAX_DIMENSION),
    ...(baseUrl === undefined ? {} : { base_url: baseUrl }),
    ...(shorten === undefined ? {} : { shorten }),
    ...(tokens === undefined ? {} : { max_input_tokens: whole('--max-input-tokens', tokens, 16, 1_000_000) }),
    ...(queryPrefix === undefined ? {} : { query_prefix: queryPrefix }),
    ...(documentPrefix === undefined ? {} : { document_prefix: documentPrefix }),
  };
}

function whole(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new AppError('USAGE', { what: `${flag} ${text}: it is a whole number from ${least} to ${most}` });
}
