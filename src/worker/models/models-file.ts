// Changes models.yaml as a person would: comments, order and everything not asked for stay as they are.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, isMap, parseDocument } from 'yaml';
import { MAX_CONFIG_BYTES } from '../../base/config-file.ts';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { writePrivate } from '../../base/private-file.ts';
import { textIfSmall } from '../../base/read-small.ts';
import { LEXICAL, RULES } from './built-in.ts';
import type { EmbeddingEntry } from './embedding-entry.ts';
import { type ModelEntry, type ModelsConfig, problemOf, readModels } from './read-models.ts';

/** What a model is for: it answers, or it makes vectors of texts. */
export type ModelKind = 'chat' | 'embedding';

/** Where the models of a kind stand in the file, and its default. */
const PLACES = {
  chat: { models: ['models'], default: ['default'] },
  embedding: { models: ['embeddings', 'models'], default: ['embeddings', 'default'] },
} as const satisfies Record<ModelKind, unknown>;

/** Adds or replaces a model. What it replaces keeps the settings that `entry` does not have. Throws USAGE. */
export function setModel(home: string, name: string, entry: ModelEntry): void {
  put(home, 'chat', name, entry);
}

/** As `setModel`, for a model that makes vectors. */
export function setEmbedding(home: string, name: string, entry: EmbeddingEntry): void {
  put(home, 'embedding', name, entry);
}

function put(home: string, kind: ModelKind, name: string, entry: ModelEntry | EmbeddingEntry): void {
  const problem = problemOf(name, entry);
  if (problem) throw new AppError('USAGE', { what: problem.text });
  const { models, embeddings } = readModels(home);
  if ((kind === 'chat' ? embeddings : models).has(name)) {
    throw new AppError('USAGE', { what: `the name \`${name}\` is taken; choose another` });
  }
  edit(home, (document) => {
    const place = [...PLACES[kind].models, name];
    makeMaps(document, place);
    for (const [key, value] of Object.entries(entry)) document.setIn([...place, key], value);
    for (const key of ['base_url', 'key', 'file'] as const)
      if (entry[key] === undefined) document.deleteIn([...place, key]);
    if (entry.provider !== 'gguf') document.deleteIn([...place, 'gpu']);
  });
}

/** Chooses the model of its kind that works where nothing else is said; tells the kind. Throws MODEL_UNKNOWN. */
export function setDefault(home: string, name: string): ModelKind {
  const { kind } = mustKnow(home, name);
  edit(home, (document) => {
    makeMaps(document, PLACES[kind].default.slice(0, -1));
    document.setIn(PLACES[kind].default, name);
  });
  return kind;
}

/** Forgets a model and its key in the home. Tells the built-in one that is the default from then on, if it was it. Throws MODEL_UNKNOWN. */
export function removeModel(home: string, name: string): string | undefined {
  if (name === RULES || name === LEXICAL) throw new AppError('USAGE', { what: `\`${name}\` is built in and stays` });
  const { kind, config } = mustKnow(home, name);
  const wasDefault = (kind === 'chat' ? config.defaultModel : config.defaultEmbedding) === name;
  edit(home, (document) => {
    document.deleteIn([...PLACES[kind].models, name]);
    if (wasDefault) document.deleteIn(PLACES[kind].default);
  });
  rmSync(join(homePaths(home).keys, name), { force: true });
  if (!wasDefault) return undefined;
  return kind === 'chat' ? RULES : LEXICAL;
}

/** The kind of this model, and the configuration. Throws MODEL_UNKNOWN. */
export function mustKnow(home: string, name: string): { kind: ModelKind; config: ModelsConfig } {
  const config = readModels(home);
  const { models, embeddings } = config;
  if (name === RULES || models.has(name)) return { kind: 'chat', config };
  if (name === LEXICAL || embeddings.has(name)) return { kind: 'embedding', config };
  const known = [RULES, ...models.keys(), LEXICAL, ...embeddings.keys()].join(', ');
  throw new AppError('MODEL_UNKNOWN', { model: name, known });
}

/** A key without a value, and one that is not there, become maps along `place`. */
function makeMaps(document: Document, place: readonly string[]): void {
  for (let depth = 1; depth <= place.length; depth++) {
    const path = place.slice(0, depth);
    if (!isMap(document.getIn(path))) document.setIn(path, document.createNode({}));
  }
}

function edit(home: string, change: (document: Document) => void): void {
  const file = homePaths(home).models;
  // A file with a mistake in it is never written over.
  readModels(home);
  const document: Document = parseDocument(textIfSmall(file, MAX_CONFIG_BYTES) ?? '');
  if (!isMap(document.contents)) document.contents = document.createNode({});
  change(document);
  writePrivate(file, document.toString({ lineWidth: 0 }), { replace: true });
}
