// The port between the embed handler and whatever makes vectors. Embedders never retry, and know nothing of jobs.
import type { Purpose } from '../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import type { ModelInfo } from '../../../../gen/bowline/common/v1/common_pb.ts';

/** How texts of several jobs become one request. */
export interface BatchLimits {
  /** Texts of one request. */
  readonly texts: number;
  /** Bytes (UTF-8) of the texts of one request; one text alone may have more. */
  readonly bytes: number;
  /** How long the first text waits for others, in milliseconds. */
  readonly waitMs: number;
  /** Requests at once; meanwhile others wait and make fuller batches. */
  readonly parallel: number;
}

export interface EmbedderAnswer {
  /** One for each text, in their order, each of length 1. */
  readonly vectors: readonly Float32Array[];
  /** Tokens that were read for all of them together; 0 where nothing is counted in tokens. */
  readonly tokens: number;
}

export interface Embedder {
  /** Who makes the vectors, as shown to people. */
  readonly info: ModelInfo;
  /** Everything that makes its vectors differ from others': provider, name, version. Vectors of different ids never meet. */
  readonly id: string;
  /** Numbers of each vector. */
  readonly dimension: number;
  /** Its vectors compare letters, not meaning. */
  readonly lexical: boolean;
  /** Millionths of the currency per token; undefined where nothing is paid. */
  readonly price?: number;
  /** Where one request for texts of several jobs gains something. */
  readonly batch?: BatchLimits;
  /** What it reads of a text: all of it, or its beginning up to a whole code point. */
  fit(text: string): string | Promise<string>;
  /** Throws AppError (PROVIDER_*, DIMENSION_WRONG, MODEL_OUTPUT_INVALID) or the signal's reason. */
  embed(texts: readonly string[], purpose: Purpose, signal: AbortSignal): Promise<EmbedderAnswer>;
  close?(): Promise<void>;
}
