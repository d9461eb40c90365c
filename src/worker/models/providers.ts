// The providers that may stand in models.yaml.

export const PROVIDERS = ['openai', 'anthropic', 'openai-compatible'] as const;
export type ProviderKind = (typeof PROVIDERS)[number];

/** Of models that answer: providers, and files of this machine. */
export const CHAT_PROVIDERS = [...PROVIDERS, 'gguf'] as const;

/** Of models that make vectors, without files of this machine. */
export const EMBEDDING_PROVIDERS = ['openai', 'openai-compatible'] as const;
export type EmbeddingProvider = (typeof EMBEDDING_PROVIDERS)[number];
