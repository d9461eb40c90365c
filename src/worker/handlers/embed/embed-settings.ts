// What the embed capability may be told beside its models. Read elsewhere; here are only the names and the defaults.

export interface EmbedSettings {
  /** Bytes of vectors that are kept for texts that come again; 0 keeps none. */
  readonly cacheBytes: number;
  /** Texts of one request to a provider. */
  readonly batchTexts: number;
  /** Bytes (UTF-8) of the texts of one request to a provider. */
  readonly batchBytes: number;
  /** How long a text waits for others to share its request, in milliseconds. */
  readonly batchWaitMs: number;
  /** Requests to one provider at once. */
  readonly parallel: number;
  /** How long one request may take, in milliseconds. */
  readonly requestMs: number;
}

export const EMBED_DEFAULTS: EmbedSettings = {
  cacheBytes: 64 << 20,
  batchTexts: 96,
  batchBytes: 256 << 10,
  batchWaitMs: 5,
  parallel: 4,
  requestMs: 60_000,
};
