// What `models ls` shows: the models of a home, those that answer first, then those that make vectors.
import { LEXICAL_DIMENSION, LEXICAL_MODEL } from '../handlers/embed/lexical/lexical-vector.ts';
import { type Env, readKey } from '../kit/key-ref.ts';
import { isLocal } from '../kit/providers/local-address.ts';
import { LEXICAL, RULES } from '../models/built-in.ts';
import type { EmbeddingEntry } from '../models/embedding-entry.ts';
import type { ModelKind } from '../models/models-file.ts';
import { type ModelEntry, readModels } from '../models/read-models.ts';

type Entry = Pick<ModelEntry | EmbeddingEntry, 'provider' | 'model' | 'base_url' | 'key'>;

export interface ModelRow {
  readonly name: string;
  readonly kind: ModelKind;
  readonly provider: string;
  readonly model: string;
  readonly baseUrl: string;
  /** It runs on a machine of the owner. */
  readonly local: boolean;
  /** Where the key lies and whether it is there; never the key. */
  readonly key: string;
  /** It works where nothing else is said. */
  readonly default: boolean;
  /** Numbers of its vectors. */
  readonly dimension?: number;
}

/** Throws CONFIG_INVALID. */
export function modelRows(home: string, env: Env): ModelRow[] {
  const { defaultModel, models, defaultEmbedding, embeddings } = readModels(home);
  const builtIn = { baseUrl: '', local: true, key: 'not needed' };
  const row = (name: string, entry: Entry) => ({
    name,
    provider: entry.provider,
    model: entry.model,
    baseUrl: entry.base_url ?? '',
    local: entry.provider === 'gguf' || isLocal(entry.base_url),
    key: keyState(name, entry, home, env),
  });
  return [
    { name: RULES, kind: 'chat', provider: RULES, model: RULES, ...builtIn, default: defaultModel === RULES },
    ...[...models].map(([name, entry]) => ({
      ...row(name, entry),
      kind: 'chat' as const,
      default: defaultModel === name,
    })),
    {
      name: LEXICAL,
      kind: 'embedding',
      provider: LEXICAL,
      model: LEXICAL_MODEL,
      ...builtIn,
      default: defaultEmbedding === LEXICAL,
      dimension: LEXICAL_DIMENSION,
    },
    ...[...embeddings].map(([name, entry]) => ({
      ...row(name, entry),
      kind: 'embedding' as const,
      default: defaultEmbedding === name,
      dimension: entry.dimension,
    })),
  ];
}

function keyState(name: string, { key, provider }: Entry, home: string, env: Env): string {
  if (provider === 'gguf') return 'not needed';
  if (key === undefined) return provider === 'openai-compatible' ? 'none' : 'missing';
  try {
    readKey(key, name, home, env);
    return key;
  } catch {
    return `${key} (missing)`;
  }
}
