// Makes the AI SDK's model of a provider. Each package is loaded when its provider is first used.
import type { LanguageModel } from 'ai';
import type { Clock } from '../../../../base/clock.ts';
import { AppError } from '../../../../base/errors.ts';
import { boundedFetch } from '../../../kit/providers/bounded-fetch.ts';
import { boundedEvents } from './dialect/bounded-events.ts';
import { type Habits, tolerantFetch } from './dialect/tolerant-fetch.ts';
import type { ProviderSettings } from './provider-settings.ts';

/** Bytes of one answer on the wire; a stream spends some 300 on each token. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** What a call brings: tools, and what is known of how the model writes. */
export interface ModelCall {
  readonly calls: boolean;
  readonly habits: Habits;
  readonly clock: Clock;
}

/** The model of these settings. Throws PROVIDER_KEY_MISSING where the provider needs a key and there is none. */
export async function languageModel(settings: ProviderSettings, call: ModelCall): Promise<LanguageModel> {
  const { name, provider, model, baseUrl } = settings;
  const key = settings.key?.()?.reveal();
  const bounded = boundedFetch(MAX_ANSWER_BYTES, name);
  const fetch =
    provider === 'anthropic' ? boundedEvents(bounded, name) : tolerantFetch(bounded, { provider: name, ...call });
  const base = baseUrl === undefined ? { fetch } : { fetch, baseURL: baseUrl };
  switch (provider) {
    case 'openai-compatible': {
      if (baseUrl === undefined)
        throw new AppError('PROVIDER_REFUSED', { provider: name, problem: 'it has no base_url' });
      const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
      const apiKey = key === undefined ? {} : { apiKey: key };
      return createOpenAICompatible({ name, baseURL: baseUrl, fetch, includeUsage: true, ...apiKey })(model);
    }
    case 'openai': {
      const { createOpenAI } = await import('@ai-sdk/openai');
      return createOpenAI({ ...base, apiKey: required(key, settings) }).chat(model);
    }
    case 'anthropic': {
      const { createAnthropic } = await import('@ai-sdk/anthropic');
      return createAnthropic({ ...base, apiKey: required(key, settings) })(model);
    }
  }
}

function required(key: string | undefined, settings: ProviderSettings): string {
  if (key) return key;
  throw new AppError('PROVIDER_KEY_MISSING', { model: settings.name, problem: 'none is set' });
}
