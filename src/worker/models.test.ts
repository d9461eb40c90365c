// Models of models.yaml that are files of this machine: what an entry needs, and what is missing to run it.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { findLlama } from './llama/llama.ts';
import { modelRows } from './model-rows.ts';
import { chatModels, readModels } from './models.ts';

function home(models: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'bowline-models-'));
  writeFileSync(join(dir, 'models.yaml'), models);
  return dir;
}

test('a GGUF file is a model of its own name, local, and loads nothing before it is asked', async () => {
  const at = home(`default: tiny
models:
  tiny: { provider: gguf, file: models/tiny.gguf, context_tokens: 4096 }
embeddings:
  models:
    vec: { provider: gguf, file: /models/vec.gguf, dimension: 8 }
`);
  const config = readModels(at);
  expect(config.models.get('tiny')).toMatchObject({ model: 'tiny.gguf', context_tokens: 4096 });
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
  ['{ provider: openai }', '`model` is missing'],
])('%s is refused: %s', (entry, problem) => {
  expect(() => readModels(home(`models:\n  one: ${entry}\n`))).toThrow(problem);
});

test('the optional library is found in the folder made for it, else the error has the command that installs it there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-llama-'));
  expect(() => findLlama(folder)).toThrow(
    `--no-save --ignore-scripts --omit=optional --prefix '${folder}' node-llama-cpp@`,
  );
  mkdirSync(join(folder, 'node_modules/node-llama-cpp/dist'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/node-llama-cpp/dist/index.js'), '');
  expect(findLlama(folder)).toContain('node_modules/node-llama-cpp/dist/index.js');
});
