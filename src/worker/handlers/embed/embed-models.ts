// The embedders of a worker, made from models.yaml. `lexical` is always there and is the default until the owner chooses another.
import { resolve } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import { homePaths } from '../../../base/home.ts';
import { type Env, readKey } from '../../kit/key-ref.ts';
import { Llama } from '../../llama/llama.ts';
import { LEXICAL } from '../../models/built-in.ts';
import type { EmbeddingEntry } from '../../models/embedding-entry.ts';
import type { EmbeddingProvider } from '../../models/providers.ts';
import type { ModelsConfig } from '../../models/read-models.ts';
import type { EmbedModels } from './embed-handler.ts';
import { EMBED_DEFAULTS } from './embed-settings.ts';
import type { Embedder } from './embedder.ts';
import { ggufEmbedder } from './gguf/gguf-embedder.ts';
import { llamaEmbedding } from './gguf/llama-embedding.ts';
import { lexicalEmbedder } from './lexical/lexical-embedder.ts';
import type { EmbedderSettings } from './providers/embedder-settings.ts';
import { providerEmbedder } from './providers/provider-embedder.ts';

/** Embedders of all models by name. Keys are read when they are used. */
export function embedModels(
  { defaultEmbedding, embeddings }: ModelsConfig,
  home: string,
  env: Env,
  clock: Clock,
  settings = EMBED_DEFAULTS,
): EmbedModels {
  const embedders = new Map<string, Embedder>([[LEXICAL, lexicalEmbedder]]);
  for (const [name, entry] of embeddings) {
    const { provider } = entry;
    embedders.set(
      name,
      provider === 'gguf'
        ? fileEmbedder(name, entry, home)
        : providerEmbedder(settingsOf(name, provider, entry, home, env), settings, clock),
    );
  }
  return { defaultModel: defaultEmbedding, embedders };
}

/** Each file has a llama process of its own, which its embedder closes. */
function fileEmbedder(name: string, entry: EmbeddingEntry, home: string): Embedder {
  const { dimension, model, file = '', version } = entry;
  const settings = {
    name,
    model: version === undefined ? model : `${model}-${version}`,
    dimension,
    ...(entry.query_prefix === undefined ? {} : { queryPrefix: entry.query_prefix }),
    ...(entry.document_prefix === undefined ? {} : { documentPrefix: entry.document_prefix }),
  };
  return ggufEmbedder(settings, llamaEmbedding(name, resolve(home, file), new Llama(homePaths(home).llama)));
}

function settingsOf(
  name: string,
  provider: EmbeddingProvider,
  entry: EmbeddingEntry,
  home: string,
  env: Env,
): EmbedderSettings {
  const { model, dimension, shorten, key, price, version } = entry;
  return {
    name,
    provider,
    model,
    dimension,
    ...(shorten === undefined ? {} : { shorten }),
    ...(entry.base_url === undefined ? {} : { baseUrl: entry.base_url }),
    ...(key === undefined ? {} : { key: () => readKey(key, name, home, env) }),
    ...(price === undefined ? {} : { price: price.input }),
    ...(entry.max_input_tokens === undefined ? {} : { maxInputTokens: entry.max_input_tokens }),
    ...(entry.query_prefix === undefined ? {} : { queryPrefix: entry.query_prefix }),
    ...(entry.document_prefix === undefined ? {} : { documentPrefix: entry.document_prefix }),
    ...(version === undefined ? {} : { version }),
  };
}
