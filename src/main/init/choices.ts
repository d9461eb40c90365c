// The models that can be chosen at the first start: what is always there, what Ollama has, and providers whose key is known.
import type { Found } from './find.ts';
import { PROVIDER_KEYS } from './find.ts';
import type { Choice } from './plan.ts';

const PROVIDER_MODELS = {
  anthropic: { name: 'claude', model: 'claude-sonnet-4-5' },
  openai: { name: 'gpt', model: 'gpt-5' },
} as const;

export function modelChoices({ ollama, keys }: Found): Choice[] {
  return [
    ...(ollama?.models ?? []).map((model) => ({
      name: model,
      about: 'Ollama, on this machine',
      entry: { provider: 'openai-compatible' as const, model, base_url: `${ollama?.url}/v1` },
    })),
    ...keys.map((provider) => ({
      name: PROVIDER_MODELS[provider].name,
      about: `${provider}: shared content leaves this machine; the key stays in ${PROVIDER_KEYS[provider]}`,
      entry: { provider, model: PROVIDER_MODELS[provider].model, key: `env:${PROVIDER_KEYS[provider]}` },
    })),
    { name: 'rules', about: 'built in: quotes what matches, understands nothing, costs nothing', entry: undefined },
  ];
}

/** The name in models.yaml: lower-case letters, digits, dots and dashes only. */
export const modelName = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, '-')
    .replace(/^[._-]+/, '')
    .slice(0, 63) || 'local';
