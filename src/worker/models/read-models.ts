// models.yaml, read and judged. `rules` is always there and is the default until the owner chooses another; so is `lexical` for
// vectors.
import { basename } from 'node:path';
import * as v from 'valibot';
import { readConfig } from '../../base/config-file.ts';
import { homePaths } from '../../base/home.ts';
import { KEY_REF } from '../kit/key-ref.ts';
import { isLocal } from '../kit/providers/local-address.ts';
import { LEXICAL, RULES } from './built-in.ts';
import { type EmbeddingEntry, EmbeddingSchema } from './embedding-entry.ts';
import { CHAT_PROVIDERS } from './providers.ts';

export const MODEL_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

const price = v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000));

const ModelSchema = v.strictObject({
  provider: v.picklist(CHAT_PROVIDERS),
  /** For `gguf` only what people see. */
  model: v.optional(v.pipe(v.string(), v.maxLength(128)), ''),
  /** For `gguf`: the model file; a relative path begins in the home. */
  file: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(4096))),
  /** For `gguf`: `false` leaves graphics cards alone. */
  gpu: v.optional(v.boolean()),
  context_tokens: v.optional(v.pipe(v.number(), v.integer(), v.minValue(512), v.maxValue(10_000_000))),
  base_url: v.optional(v.pipe(v.string(), v.maxLength(2048))),
  key: v.optional(
    v.pipe(v.string(), v.regex(KEY_REF, 'must be file:NAME, file:/path or env:NAME; a key itself never stands here')),
  ),
  max_output_tokens: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000))),
  price: v.optional(v.strictObject({ input: price, output: price, cached_input: v.optional(price) })),
});

const named = v.pipe(v.string(), v.regex(MODEL_NAME, 'a name is lower-case letters, digits, dot, dash'));

const FileSchema = v.strictObject({
  default: v.nullish(v.string()),
  models: v.nullish(v.record(named, ModelSchema)),
  embeddings: v.nullish(
    v.strictObject({ default: v.nullish(v.string()), models: v.nullish(v.record(named, EmbeddingSchema)) }),
  ),
});

export type ModelEntry = v.InferOutput<typeof ModelSchema>;

export interface ModelsConfig {
  readonly defaultModel: string;
  readonly models: ReadonlyMap<string, ModelEntry>;
  readonly defaultEmbedding: string;
  /** Models that make vectors. No name is in both. */
  readonly embeddings: ReadonlyMap<string, EmbeddingEntry>;
}

/** Reads `<home>/models.yaml`; without it there are `rules` and `lexical` alone. Throws CONFIG_INVALID with file, line and column. */
export function readModels(home: string): ModelsConfig {
  const { value, fail } = readConfig(homePaths(home).models, FileSchema);
  const models = new Map(Object.entries(value.models ?? {}));
  for (const [name, entry] of models) {
    const problem = problemOf(name, entry);
    if (problem) fail(['models', name, ...problem.at], problem.text);
    entry.model ||= basename(entry.file ?? '');
  }
  const defaultModel = value.default ?? RULES;
  if (defaultModel !== RULES && !models.has(defaultModel)) {
    fail(['default'], `there is no model \`${defaultModel}\`; known: ${[RULES, ...models.keys()].join(', ')}`);
  }
  const embeddings = new Map(Object.entries(value.embeddings?.models ?? {}));
  for (const [name, entry] of embeddings) {
    const problem = models.has(name)
      ? { at: [], text: `the name \`${name}\` is taken; choose another` }
      : problemOf(name, entry);
    if (problem) fail(['embeddings', 'models', name, ...problem.at], problem.text);
    entry.model ||= basename(entry.file ?? '');
  }
  const defaultEmbedding = value.embeddings?.default ?? LEXICAL;
  if (defaultEmbedding !== LEXICAL && !embeddings.has(defaultEmbedding)) {
    const known = [LEXICAL, ...embeddings.keys()].join(', ');
    fail(['embeddings', 'default'], `there is no embedding model \`${defaultEmbedding}\`; known: ${known}`);
  }
  return { defaultModel, models, defaultEmbedding, embeddings };
}

/** What is wrong with an entry as a whole; undefined when nothing is. */
export function problemOf(
  name: string,
  entry: Pick<ModelEntry | EmbeddingEntry, 'provider' | 'base_url' | 'model' | 'file' | 'key'> & {
    gpu?: boolean | undefined;
  },
): { at: string[]; text: string } | undefined {
  const reserved =
    name === RULES || name === LEXICAL || ((name === 'openai' || name === 'anthropic') && entry.provider !== name);
  // Names are shown as recipients: none may look like another one.
  if (reserved) return { at: [], text: `the name \`${name}\` is taken; choose another` };
  if (entry.provider === 'gguf') {
    if (entry.file === undefined) return { at: [], text: '`file` is missing, the path of a GGUF file' };
    const needless = entry.base_url !== undefined ? 'base_url' : entry.key !== undefined ? 'key' : undefined;
    return needless && { at: [needless], text: `a file of this machine needs no \`${needless}\`` };
  }
  if (entry.file !== undefined) return { at: ['file'], text: '`file` is for the provider `gguf`' };
  if (entry.gpu !== undefined) return { at: ['gpu'], text: '`gpu` is for the provider `gguf`' };
  if (entry.model === '') return { at: [], text: "`model` is missing, the provider's name of it" };
  const url = entry.base_url;
  if (url === undefined) {
    if (entry.provider !== 'openai-compatible') return undefined;
    return { at: [], text: '`base_url` is missing, e.g. http://127.0.0.1:11434/v1' };
  }
  const at = ['base_url'];
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    return { at, text: `\`${url}\` is not an http(s) URL` };
  const { protocol, username, password } = new URL(url);
  if (username || password) return { at, text: 'a URL here has no user or password; use `key`' };
  if (protocol === 'http:' && !isLocal(url))
    return { at, text: 'plain http:// only within your own network; use https://' };
  return undefined;
}

/** Whether GGUF files are named. */
export const needsLlama = (models: ReadonlyMap<string, ModelEntry | EmbeddingEntry>): boolean =>
  [...models.values()].some(({ provider }) => provider === 'gguf');
