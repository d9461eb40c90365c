// `models set`: adds a model or changes one. What is not said of a model that is there stays as it is.
import { basename, join, resolve } from 'node:path';
import { askSecret, readSecret } from '../../base/ask-secret.ts';
import { asCalled } from '../../base/called-as.ts';
import { AppError } from '../../base/errors.ts';
import { homeFolder, homePaths } from '../../base/home.ts';
import { writePrivate } from '../../base/private-file.ts';
import { readKey } from '../kit/key-ref.ts';
import { findLlama } from '../llama/llama.ts';
import type { EmbeddingEntry } from '../models/embedding-entry.ts';
import { setEmbedding, setModel } from '../models/models-file.ts';
import { type CHAT_PROVIDERS, PROVIDERS } from '../models/providers.ts';
import { MODEL_NAME, type ModelEntry, type ModelsConfig, problemOf, readModels } from '../models/read-models.ts';
import { type EmbeddingFlags, embeddingEntry, mustBeChat } from './embedding-flags.ts';
import type { WorkerIo } from './worker-io.ts';
import { lacksPath } from './wrong-address.ts';

export interface SetFlags extends EmbeddingFlags {
  home?: string;
  provider?: (typeof CHAT_PROVIDERS)[number];
  model?: string;
  file?: string;
  contextTokens?: string;
  baseUrl?: string;
  keyFile?: string;
  keyEnv?: string;
  maxOutputTokens?: string;
}

/** The flags with what was there before, where the provider is not said anew. */
type Said = SetFlags & { readonly provider: NonNullable<SetFlags['provider']> };

/** Throws USAGE, CONFIG_INVALID, and LLAMA_MISSING after it has written a model that cannot run yet. */
export async function setFromFlags(io: WorkerIo, name: string, given: SetFlags): Promise<void> {
  if (!MODEL_NAME.test(name))
    throw new AppError('USAGE', { what: `${name}: a name is lower-case letters, digits, dot, dash` });
  const home = homeFolder(given.home, io.env);
  const before = readModels(home);
  const known = before.models.get(name) ?? before.embeddings.get(name);
  const file = given.file === undefined ? {} : { file: resolve(given.file) };
  const flags = withKnown({ ...given, ...file }, name, before);
  if (flags.embedding) {
    const entry = embeddingEntry({ ...flags, model: flags.model ?? '' });
    const problem = problemOf(name, entry);
    if (problem) throw new AppError('USAGE', { what: problem.text });
    const key = await keyOf(io, home, name, flags, known);
    setEmbedding(home, name, { ...entry, ...(key === undefined ? {} : { key }) });
    tellSet(io, name, flags, before.defaultEmbedding);
    return;
  }
  mustBeChat(flags);
  const entry = chatEntry(flags);
  const problem = problemOf(name, entry);
  if (problem) throw new AppError('USAGE', { what: problem.text });
  const key = flags.provider === 'gguf' ? undefined : await keyOf(io, home, name, flags, known);
  setModel(home, name, { ...entry, ...(key === undefined ? {} : { key }) });
  tellSet(io, name, flags, before.defaultModel);
  if (flags.provider === 'gguf') findLlama(homePaths(home).llama);
}

function withKnown(flags: SetFlags, name: string, { models, embeddings }: ModelsConfig): Said {
  const { provider } = flags;
  if (provider !== undefined) return { ...flags, provider };
  const chat = models.get(name);
  const vectors = embeddings.get(name);
  const known = chat ?? vectors;
  if (!known) {
    const what = `there is no model ${name} here yet, so it needs --provider (${[...PROVIDERS, 'gguf'].join(', ')}) and --model`;
    throw new AppError('USAGE', { what });
  }
  const { model, file, base_url: baseUrl } = known;
  const kept = {
    model,
    ...(file === undefined ? {} : { file }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(vectors ? { embedding: true, dimension: String(vectors.dimension) } : {}),
  };
  return { ...kept, ...flags, provider: known.provider };
}

function chatEntry(flags: Said): ModelEntry {
  const tokens = wholeOf('--max-output-tokens', flags.maxOutputTokens, 1, 1_000_000);
  const context = wholeOf('--context-tokens', flags.contextTokens, 512, 10_000_000);
  return {
    provider: flags.provider,
    model: flags.model ?? basename(flags.file ?? ''),
    ...(flags.file === undefined ? {} : { file: flags.file }),
    ...(context === undefined ? {} : { context_tokens: context }),
    ...(flags.baseUrl === undefined ? {} : { base_url: flags.baseUrl }),
    ...(tokens === undefined ? {} : { max_output_tokens: tokens }),
  };
}

function wholeOf(flag: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new AppError('USAGE', { what: `${flag} ${text}: it is a whole number from ${least} to ${most}` });
}

function tellSet(io: WorkerIo, name: string, { provider, baseUrl }: Said, defaultName: string): void {
  const tell = (text: string) => io.stderr.write(asCalled(`${text}\n`, io.env));
  tell(`set ${name}; try it with: bowline models test ${name}`);
  if (provider === 'openai-compatible' && baseUrl !== undefined && lacksPath(baseUrl))
    tell(
      `${baseUrl} has no path; most servers of this kind answer under /v1, and that test tells whether this one does`,
    );
  if (defaultName !== name) tell(`${defaultName} is still the default; to change that: bowline models default ${name}`);
}

/** The reference to the key: a file or variable that was named, else the one there was, else one asked for now. */
async function keyOf(
  io: WorkerIo,
  home: string,
  name: string,
  flags: Said,
  before: Pick<ModelEntry | EmbeddingEntry, 'provider' | 'key'> | undefined,
): Promise<string | undefined> {
  const { keyFile, keyEnv, provider } = flags;
  if (keyFile !== undefined && keyEnv !== undefined)
    throw new AppError('USAGE', { what: 'either --key-file or --key-env' });
  const keep = (secret: { reveal(): string }) => {
    writePrivate(join(homePaths(home).keys, name), `${secret.reveal()}\n`, { replace: true });
    return `file:${name}`;
  };
  if (keyFile === '-') return keep(await readSecret(io.stdin));
  if (keyFile !== undefined) {
    const ref = `file:${resolve(keyFile)}`;
    readKey(ref, name, home, io.env);
    return ref;
  }
  if (keyEnv !== undefined) {
    if (!/^[A-Za-z_]\w{0,127}$/.test(keyEnv))
      throw new AppError('USAGE', { what: '--key-env takes the name of a variable' });
    return `env:${keyEnv}`;
  }
  const known = before?.provider === provider ? before.key : undefined;
  const optional = provider === 'openai-compatible' || known !== undefined;
  if (io.stdin.isTTY) {
    const secret = await askSecret(io, `Key of ${name}${optional ? ` (Enter: ${known ? 'as it is' : 'none'})` : ''}`);
    if (secret) return keep(secret);
  }
  if (!optional)
    throw new AppError('USAGE', {
      what: `${provider} needs a key: pass --key-file or --key-env, or answer the prompt`,
    });
  return known;
}
