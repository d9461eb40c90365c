// Changes models.yaml as a person would: comments, order and everything not asked for stay as they are.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, isMap, parseDocument } from 'yaml';
import { AppError } from '../base/errors.ts';
import { homePaths } from '../base/home.ts';
import { type ModelEntry, problemOf, RULES, readModels } from './models.ts';
import { writePrivate } from './private-file.ts';

/** Adds or replaces a model. What it replaces keeps the settings that `entry` does not have. Throws USAGE. */
export function setModel(home: string, name: string, entry: ModelEntry): void {
  const problem = problemOf(name, entry);
  if (problem) throw new AppError('USAGE', { what: problem.text });
  edit(home, (document) => {
    if (!isMap(document.get('models'))) document.set('models', document.createNode({}));
    if (!isMap(document.getIn(['models', name]))) document.setIn(['models', name], document.createNode({}));
    for (const [key, value] of Object.entries(entry)) document.setIn(['models', name, key], value);
    if (entry.base_url === undefined) document.deleteIn(['models', name, 'base_url']);
    if (entry.key === undefined) document.deleteIn(['models', name, 'key']);
  });
}

/** Chooses the model that answers where nothing else is said. Throws MODEL_UNKNOWN. */
export function setDefault(home: string, name: string): void {
  mustKnow(home, name);
  edit(home, (document) => document.set('default', name));
}

/** Forgets a model and its key in the home. True when it was the default, which is `rules` then. Throws MODEL_UNKNOWN. */
export function removeModel(home: string, name: string): boolean {
  if (name === RULES) throw new AppError('USAGE', { what: '`rules` is built in and stays' });
  const { defaultModel } = mustKnow(home, name);
  edit(home, (document) => {
    document.deleteIn(['models', name]);
    if (defaultModel === name) document.delete('default');
  });
  rmSync(join(homePaths(home).keys, name), { force: true });
  return defaultModel === name;
}

/** The configuration, if it has this model. Throws MODEL_UNKNOWN. */
export function mustKnow(home: string, name: string): ReturnType<typeof readModels> {
  const config = readModels(home);
  if (name === RULES || config.models.has(name)) return config;
  throw new AppError('MODEL_UNKNOWN', { model: name, known: [RULES, ...config.models.keys()].join(', ') });
}

function edit(home: string, change: (document: Document) => void): void {
  const file = homePaths(home).models;
  // A file with a mistake in it is never written over.
  readModels(home);
  const document: Document = parseDocument(textOf(file));
  if (!isMap(document.contents)) document.contents = document.createNode({});
  change(document);
  writePrivate(file, document.toString({ lineWidth: 0 }));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // `readModels` has judged it already: it is not there.
    return '';
  }
}
