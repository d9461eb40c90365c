// The drivers of a worker's models, made from models.yaml. `rules` is always there and is the default until the owner chooses another.
import { resolve } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import { homePaths } from '../../../base/home.ts';
import { type Env, readKey } from '../../kit/key-ref.ts';
import { Llama } from '../../llama/llama.ts';
import { RULES } from '../../models/built-in.ts';
import type { ProviderKind } from '../../models/providers.ts';
import type { ModelEntry, ModelsConfig } from '../../models/read-models.ts';
import type { ChatDriver } from './chat-driver.ts';
import { checkedDriver } from './checked-driver.ts';
import { fittingDriver } from './fitting-driver.ts';
import { ggufDriver, ggufSpace } from './gguf/gguf-driver.ts';
import type { ChatModels } from './llm-handler.ts';
import { tellsLogprobs } from './providers/logprobs.ts';
import { providerDriver } from './providers/provider-driver.ts';
import type { ProviderSettings } from './providers/provider-settings.ts';
import { rulesDriver } from './rules-driver.ts';
import { spannedDriver } from './spanned-driver.ts';
import type { TokenPrice } from './token-usage.ts';

/**
 * Tokens of a context where `context_tokens` does not say: what current models of the providers take at least. Of a compatible
 * server nothing is known; one that takes less should be told.
 */
const CONTEXT_TOKENS = { openai: 128_000, anthropic: 200_000, 'openai-compatible': 32_768 } as const;

/** Drivers of all models by name. Keys are read when they are used; what GGUF files need is started at their first use. */
export function chatModels(config: ModelsConfig, home: string, env: Env, clock: Clock): ChatModels {
  const drivers = new Map<string, ChatDriver>([[RULES, spannedDriver(rulesDriver)]]);
  let llama: Llama | undefined;
  for (const [name, entry] of config.models) {
    const { provider, file, model, gpu = true, context_tokens: contextTokens = 0, max_output_tokens: most } = entry;
    if (provider === 'gguf' && file !== undefined) {
      llama ??= new Llama(homePaths(home).llama);
      const limits = { ...(most === undefined ? {} : { maxOutputTokens: most }), ...priceOf(entry) };
      const settings = { name, model, file: { path: resolve(home, file), contextTokens, gpu }, ...limits };
      drivers.set(
        name,
        checkedDriver(fittingDriver(spannedDriver(ggufDriver(settings, llama)), ggufSpace(settings, llama)), {
          binds: true,
        }),
      );
    } else if (provider !== 'gguf') {
      const driver = spannedDriver(providerDriver(settingsOf(name, provider, entry, home, env), clock));
      const fitting = fittingDriver(driver, { name, tokens: contextTokens || CONTEXT_TOKENS[provider] });
      // Servers that call themselves compatible bind a model to a schema, or refuse the request for it, or heed it not.
      const tellsConfidence = tellsLogprobs(provider, model);
      drivers.set(name, checkedDriver(fitting, { binds: provider !== 'openai-compatible', tellsConfidence }));
    }
  }
  return { defaultModel: config.defaultModel, drivers, close: async () => llama?.close() };
}

function settingsOf(name: string, provider: ProviderKind, entry: ModelEntry, home: string, env: Env): ProviderSettings {
  const { model, key } = entry;
  return {
    name,
    provider,
    model,
    ...(entry.base_url === undefined ? {} : { baseUrl: entry.base_url }),
    ...(key === undefined ? {} : { key: () => readKey(key, name, home, env) }),
    ...(entry.max_output_tokens === undefined ? {} : { maxOutputTokens: entry.max_output_tokens }),
    ...priceOf(entry),
  };
}

function priceOf({ price: cost }: ModelEntry): { price?: TokenPrice } {
  if (cost === undefined) return {};
  const { input, output, cached_input: cachedInput } = cost;
  return { price: { input, output, ...(cachedInput === undefined ? {} : { cachedInput }) } };
}
