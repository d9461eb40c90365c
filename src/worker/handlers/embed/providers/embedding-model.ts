// Makes the AI SDK's embedding model of a provider. Each package is loaded when its provider is first used.
import { AppError } from '../../../../base/errors.ts';
import type { EmbedderSettings } from './embedder-settings.ts';

/** The part of the AI SDK's embedding models that is used. */
export interface EmbeddingModel {
  doEmbed(options: { values: string[]; dimensions?: number; abortSignal?: AbortSignal }): PromiseLike<{
    embeddings: number[][];
    usage?: { tokens: number } | undefined;
    response?: { body?: unknown };
  }>;
}

/** The model of these settings. Throws PROVIDER_KEY_MISSING where the provider needs a key and there is none. */
export async function embeddingModel(
  settings: EmbedderSettings,
  fetch: typeof globalThis.fetch,
): Promise<EmbeddingModel> {
  const { name, provider, model, baseUrl } = settings;
  const key = settings.key?.()?.reveal();
  switch (provider) {
    case 'openai-compatible': {
      if (baseUrl === undefined)
        throw new AppError('PROVIDER_REFUSED', { provider: name, problem: 'it has no base_url' });
      const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
      const apiKey = key === undefined ? {} : { apiKey: key };
      return createOpenAICompatible({ name, baseURL: baseUrl, fetch, ...apiKey }).embeddingModel(model);
    }
    case 'openai': {
      if (!key) throw new AppError('PROVIDER_KEY_MISSING', { model: name, problem: 'none is set' });
      const { createOpenAI } = await import('@ai-sdk/openai');
      const base = baseUrl === undefined ? {} : { baseURL: baseUrl };
      return createOpenAI({ ...base, apiKey: key, fetch }).embeddingModel(model);
    }
  }
}
