// What a worker says of its embeddings: the default first, since who runs it receives the texts; and its price.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { workerSettings } from '../../program/config.ts';
import { CAPABILITIES } from '../../program/served-capabilities.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'bowline-test-embed-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const open = async () =>
  (await CAPABILITIES.embed())({ home, env: {}, settings: workerSettings(), clock: systemClock, log: silentLogger });

test('a home without models offers lexical vectors, which stay on this machine', async () => {
  const { models, labels, handler } = await open();
  expect(models).toMatchObject([{ provider: 'lexical', name: 'char-ngrams-1024-v1', local: true }]);
  expect(labels).toEqual({});
  expect(handler.package).toBe('bowline.capability.embed.v1');
});

test('the chosen model comes first, with its price per thousand tokens', async () => {
  writeFileSync(
    join(home, 'models.yaml'),
    [
      'embeddings:',
      '  default: small',
      '  models:',
      '    other: {provider: openai, model: x, dimension: 3}',
      '    small: {provider: openai, model: text-embedding-3-small, dimension: 1536, price: {input: 0.02}}',
    ].join('\n'),
  );
  const { models, labels } = await open();
  expect(models?.map(({ provider, name, local }) => [provider, name, local])).toEqual([
    ['openai', 'text-embedding-3-small', false],
    ['lexical', 'char-ngrams-1024-v1', true],
    ['openai', 'x', false],
  ]);
  expect(labels).toEqual({ price: '20' });
});

test('a models.yaml with a mistake keeps the worker from starting', async () => {
  writeFileSync(join(home, 'models.yaml'), 'embeddings: {default: nope}\n');
  await expect(open()).rejects.toMatchObject({ reason: 'CONFIG_INVALID' });
});
