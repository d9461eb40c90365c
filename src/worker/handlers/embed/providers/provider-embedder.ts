// An embedding model behind the AI SDK. One try per call: who retries, and when, is the orchestrator's business.
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { Purpose } from '../../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { type ModelInfo, ModelInfoSchema } from '../../../../../gen/bowline/common/v1/common_pb.ts';
import type { Clock } from '../../../../base/clock.ts';
import { AppError } from '../../../../base/errors.ts';
import { estimateTokens } from '../../../../base/estimate-tokens.ts';
import { boundedFetch } from '../../../kit/providers/bounded-fetch.ts';
import { isLocal } from '../../../kit/providers/local-address.ts';
import { Patience } from '../../../kit/providers/patience.ts';
import { providerError } from '../../../kit/providers/provider-error.ts';
import type { EmbedSettings } from '../embed-settings.ts';
import type { Embedder, EmbedderAnswer } from '../embedder.ts';
import { fitText } from '../fit-text.ts';
import { unitVector } from '../unit-vector.ts';
import type { EmbedderSettings } from './embedder-settings.ts';
import { embeddingModel } from './embedding-model.ts';
import { inOrder } from './in-order.ts';
import { meteredFetch } from './metered-fetch.ts';

/** Bytes of one number in a JSON answer, and of all that stands around the vectors. */
const NUMBER_BYTES = 32;
const FRAME_BYTES = 64 << 10;

/** An embedder for one entry of models.yaml. Nothing is loaded or read before its first call. */
export function providerEmbedder(settings: EmbedderSettings, limits: EmbedSettings, clock: Clock): Embedder {
  const { name, dimension, maxInputTokens = 8191, price } = settings;
  const info = infoOf(settings);
  return {
    info,
    id: idOf(settings, info),
    dimension,
    lexical: false,
    ...(price === undefined ? {} : { price }),
    batch: {
      texts: limits.batchTexts,
      bytes: limits.batchBytes,
      waitMs: limits.batchWaitMs,
      parallel: limits.parallel,
    },
    fit: (text) => fitText(text, maxInputTokens),
    embed: async (texts, purpose, signal) => {
      const patience = new Patience(clock);
      const silent = () =>
        new AppError('PROVIDER_UNAVAILABLE', { provider: name, problem: 'it was silent for too long' });
      try {
        signal.throwIfAborted();
        const work = request(settings, texts, purpose, AbortSignal.any([signal, patience.signal]));
        return await patience.within(work, limits.requestMs, silent);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw embeddingError(error, settings, clock.now());
      } finally {
        patience.stop();
      }
    },
  };
}

async function request(
  settings: EmbedderSettings,
  texts: readonly string[],
  purpose: Purpose,
  abortSignal: AbortSignal,
): Promise<EmbedderAnswer> {
  const { name, dimension, shorten, queryPrefix = '', documentPrefix = '' } = settings;
  const prefix = purpose === Purpose.QUERY ? queryPrefix : purpose === Purpose.DOCUMENT ? documentPrefix : '';
  const values = texts.map((text) => prefix + text);
  const bounded = boundedFetch(texts.length * dimension * NUMBER_BYTES + FRAME_BYTES, name);
  const fetch = meteredFetch(bounded, texts.length, dimension);
  const model = await embeddingModel(settings, fetch);
  const dimensions = shorten ? { dimensions: dimension } : {};
  const { embeddings, usage, response } = await model.doEmbed({ values, ...dimensions, abortSignal });
  if (embeddings.length !== texts.length) {
    const problem = `${embeddings.length} vectors for ${texts.length} texts`;
    throw new AppError('MODEL_OUTPUT_INVALID', { problem });
  }
  const vectors = inOrder(embeddings, response?.body).map((values) => unitVector(values, dimension, name));
  // What the provider counted; an estimate where it counts nothing, so that budgets still bite.
  const counted = usage?.tokens;
  const tokens = counted ?? values.reduce((sum, text) => sum + estimateTokens(text), 0);
  return { vectors, tokens: Number.isFinite(tokens) ? Math.max(0, Math.round(tokens)) : 0 };
}

/** As `providerError`, in words that fit texts instead of a conversation. */
function embeddingError(error: unknown, settings: EmbedderSettings, now: number): AppError {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof AppError) return cause;
  if (cause instanceof Error && /^AI_(?:TypeValidation|JSONParse)Error$/.test(cause.name)) {
    return new AppError(
      'MODEL_OUTPUT_INVALID',
      { problem: 'it is not what the API of embeddings promises' },
      { cause: error },
    );
  }
  const { name, model, baseUrl } = settings;
  const known = providerError(error, { name, model, ...(baseUrl === undefined ? {} : { baseUrl }) }, now);
  if (known.reason !== 'CONTEXT_TOO_LONG') return known;
  const problem = 'a text is longer than the model reads; lower its max_input_tokens in models.yaml';
  return new AppError('PROVIDER_REFUSED', { provider: name, problem }, { cause: error });
}

/** Who reads the texts: for a compatible server its name in models.yaml, since that is who receives content. */
function infoOf({ provider, name, model, baseUrl }: EmbedderSettings): ModelInfo {
  const local = isLocal(baseUrl);
  const where = baseUrl === undefined ? provider : new URL(baseUrl).host.slice(0, 200);
  return create(ModelInfoSchema, {
    provider: provider === 'openai-compatible' ? name : provider,
    name: model,
    local,
    note: local
      ? `An embedding model on a machine of yours (${where}).`
      : `An embedding model of a provider (${where}), outside your machines.`,
  });
}

/** Another prefix, dimension or version makes other vectors, so it is another id. */
function idOf(settings: EmbedderSettings, info: ModelInfo): string {
  const { dimension, queryPrefix, documentPrefix, version } = settings;
  const prefixed = queryPrefix || documentPrefix;
  const prefixes = createHash('sha256')
    .update(JSON.stringify([queryPrefix, documentPrefix]))
    .digest('hex');
  const more = `${prefixed ? `-p${prefixes.slice(0, 8)}` : ''}${version === undefined ? '' : `-${version}`}`;
  return `${info.provider}/${info.name}-${dimension}${more}`;
}
