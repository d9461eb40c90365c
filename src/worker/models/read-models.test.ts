// Models of models.yaml that are files of this machine: what an entry needs, and what is missing to run it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { chatModels } from '../handlers/llm/chat-models.ts';
import { findLlama } from '../llama/llama.ts';
import { modelRows } from '../program/model-rows.ts';
import { readModels } from './read-models.ts';

function folder(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), name));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

function home(models: string): string {
  const dir = folder('bowline-models-');
  writeFileSync(join(dir, 'models.yaml'), models);
  return dir;
}

test('a GGUF file is a model of its own name, local, and loads nothing before it is asked', async () => {
  const at = home(`default: tiny
models:
  tiny: { provider: gguf, file: models/tiny.gguf, context_tokens: 4096, gpu: false }
embeddings:
  models:
    vec: { provider: gguf, file: /models/vec.gguf, dimension: 8 }
`);
  const config = readModels(at);
  expect(config.models.get('tiny')).toMatchObject({ model: 'tiny.gguf', context_tokens: 4096, gpu: false });
  expect(config.embeddings.get('vec')).toMatchObject({ model: 'vec.gguf' });
  const rows = modelRows(at, {}).filter(({ provider }) => provider === 'gguf');
  expect(rows.map(({ name, local, key }) => [name, local, key])).toEqual([
    ['tiny', true, 'not needed'],
    ['vec', true, 'not needed'],
  ]);
  const models = chatModels(config, at, {}, systemClock);
  expect(models.drivers.get('tiny')?.info).toMatchObject({ provider: 'tiny', name: 'tiny.gguf', local: true });
  await models.close();
});

test.each([
  ['{ provider: gguf }', '`file` is missing'],
  ['{ provider: gguf, file: a.gguf, base_url: "http://127.0.0.1" }', 'needs no `base_url`'],
  ['{ provider: gguf, file: a.gguf, key: env:KEY }', 'needs no `key`'],
  ['{ provider: openai, model: gpt, file: a.gguf }', '`file` is for the provider `gguf`'],
  ['{ provider: openai, model: gpt, gpu: false }', '`gpu` is for the provider `gguf`'],
  ['{ provider: openai }', '`model` is missing'],
])('%s is refused: %s', (entry, problem) => {
  expect(() => readModels(home(`models:\n  one: ${entry}\n`))).toThrow(problem);
});

test('the optional library is found in the folder made for it, else the error has the command that installs it there', () => {
  const at = folder("bowline-llama-d'or-");
  expect(() => findLlama(at)).toThrow(
    `--no-save --ignore-scripts --omit=optional --prefix '${at.replace("'", "'\\''")}' node-llama-cpp@`,
  );
  mkdirSync(join(at, 'node_modules/node-llama-cpp/dist'), { recursive: true });
  writeFileSync(join(at, 'node_modules/node-llama-cpp/dist/index.js'), '');
  expect(findLlama(at)).toContain('node_modules/node-llama-cpp/dist/index.js');
});
