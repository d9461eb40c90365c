// Serves bowline.capability.embed.v1: chooses the model, takes what is known from the cache, has the rest made, and puts
// all in the order of the request.
import { create } from '@bufbuild/protobuf';
import {
  type EmbedRequest,
  type EmbedResponse,
  EmbedResponseSchema,
  EmbedService,
} from '../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { ATTRS, OPERATIONS, SPANS } from '../../../base/telemetry/names.ts';
import { modelUsed } from '../../../contract/usage.ts';
import { defineHandler, type Handler, type HandlerContext } from '../../kit/handler.ts';
import { type EndSpan, inSpan } from '../../kit/spans.ts';
import { Batcher, type BatchOrder } from './batcher.ts';
import type { Embedder } from './embedder.ts';
import { VectorCache } from './vector-cache.ts';

/** Bytes of vectors that the result of one job has room for (4 MiB, with what stands around them). */
const MAX_VECTOR_BYTES = (4 << 20) - (64 << 10);

/** Models by the name that requests use. Empty means `defaultModel`. */
export interface EmbedModels {
  readonly defaultModel: string;
  readonly embedders: ReadonlyMap<string, Embedder>;
}

export interface EmbedHandlerOptions {
  readonly clock: Clock;
  /** Bytes of vectors that are kept for texts that come again; 0 keeps none. */
  readonly cacheBytes: number;
}

/** The embed capability over these models. */
export function embedHandler(models: EmbedModels, { clock, cacheBytes }: EmbedHandlerOptions): Handler {
  const cache = new VectorCache(cacheBytes);
  const batchers = new Map<Embedder, Batcher>();
  for (const embedder of models.embedders.values()) {
    if (embedder.batch) batchers.set(embedder, new Batcher(embedder, embedder.batch, clock));
  }
  return defineHandler(EmbedService, {
    Embed: async (request, context) => {
      const embedder = chosen(models, request.model);
      return embed(embedder, batchers.get(embedder), cache, request, context);
    },
  });
}

function chosen({ defaultModel, embedders }: EmbedModels, wanted: string): Embedder {
  const name = wanted || defaultModel;
  const embedder = embedders.get(name);
  if (embedder) return embedder;
  throw new AppError('MODEL_UNKNOWN', { model: name, known: [...embedders.keys()].join(', ') });
}

async function embed(
  embedder: Embedder,
  batcher: Batcher | undefined,
  cache: VectorCache,
  { texts, purpose }: EmbedRequest,
  context: HandlerContext,
): Promise<EmbedResponse> {
  const { id, dimension, lexical } = embedder;
  mustFitResult(texts.length, dimension);
  const fitted = await Promise.all(texts.map((text) => embedder.fit(text)));
  const known = cache.of(context.tenant, id, purpose);
  const vectors = new Map(fitted.map((text) => [text, known.get(text)]));
  const cached = fitted.filter((text) => vectors.get(text)).length;
  const missing = [...vectors.keys()].filter((text) => !vectors.get(text));
  const usage = { inputTokens: 0n, costMicros: 0n };
  try {
    if (missing.length > 0) {
      const order = {
        texts: missing,
        purpose,
        signal: context.signal,
        onVector: (index: number, vector: Float32Array) => {
          vectors.set(missing[index]!, vector);
          known.set(missing[index]!, vector);
        },
        onUsage: (tokens: number, costMicros: number) => {
          usage.inputTokens += BigInt(tokens);
          usage.costMicros += BigInt(costMicros);
        },
      } satisfies BatchOrder;
      const { provider, name } = modelUsed(embedder.info);
      const about = { [ATTRS.operation]: OPERATIONS.embeddings, [ATTRS.provider]: provider, [ATTRS.model]: name };
      const end = context.span(`${SPANS.embeddings} ${name}`, about);
      const tell: EndSpan = (error) => end(error, { [ATTRS.inputTokens]: Number(usage.inputTokens) });
      await inSpan(tell, () => make(embedder, batcher, order));
    }
  } finally {
    // Also what was spent before it failed.
    context.report({ ...usage, model: modelUsed(embedder.info) });
  }
  return create(EmbedResponseSchema, {
    vectors: fitted.map((text) => ({ values: numbersOf(vectors.get(text)!) })),
    model: id,
    dimension,
    lexical,
    truncated: texts.filter((text, at) => text !== fitted[at]).length,
    cached,
    usage,
  });
}

/** As `Array.from`, which takes twenty times as long. */
function numbersOf(vector: Float32Array): number[] {
  const numbers = new Array<number>(vector.length);
  for (let at = 0; at < vector.length; at++) numbers[at] = vector[at]!;
  return numbers;
}

/** Together with the texts of other jobs where that gains something, else alone. */
async function make(embedder: Embedder, batcher: Batcher | undefined, order: BatchOrder): Promise<void> {
  if (batcher) return batcher.embed(order);
  const { texts, purpose, signal } = order;
  const { vectors, tokens } = await embedder.embed(texts, purpose, signal);
  order.onUsage(tokens, Math.ceil(tokens * (embedder.price ?? 0)));
  for (const [index, vector] of vectors.entries()) order.onVector(index, vector);
}

/** Told before anything is spent: vectors that no result has room for are worth nothing. */
function mustFitResult(texts: number, dimension: number): void {
  const most = Math.floor(MAX_VECTOR_BYTES / (4 * dimension));
  if (texts <= most) return;
  const what = `${texts} vectors of ${dimension} numbers are more than one result holds (4 MiB); ask for at most ${most} at once`;
  throw new AppError('INVALID_ARGUMENT', { what });
}
