import * as v from 'valibot';
import { expect, test } from 'vitest';
import { configSchema } from './config-schema.ts';
import { localModelEntry } from './local-model-entry.ts';

interface Node {
  readonly type?: string;
  readonly default?: unknown;
  readonly [part: string]: unknown;
}

/** Every schema in a schema. */
function* schemas(node: unknown, seen = new Set<unknown>()): Iterable<Node> {
  if (typeof node !== 'object' || node === null || seen.has(node)) return;
  seen.add(node);
  if ('type' in node) yield node as Node;
  for (const part of Object.values(node)) yield* schemas(part, seen);
}

test('what an entry stands for that is left out is what could be written there', () => {
  const defaults = [...schemas(configSchema)].filter((node) => node.type === 'optional' && node.default !== undefined);
  expect(defaults.length).toBeGreaterThan(10);
  for (const node of defaults) {
    const { success, issues } = v.safeParse(node.wrapped as v.GenericSchema, node.default);
    expect({ of: node.default, issues }).toEqual({ of: node.default, issues: undefined });
    expect(success).toBe(true);
  }
});

test('a model of this box needs no key, and a key is a handle', () => {
  const entry = { url: 'http://127.0.0.1:8080/v1', model: 'qwen3-4b' };
  expect(v.parse(configSchema, { local_model: entry }).local_model).toEqual(entry);
  expect(v.parse(localModelEntry, { ...entry, key: 'secret://local-model' }).key).toBe('secret://local-model');
  for (const key of ['', 'sk-abc', 'secret://Not A Name'])
    expect(v.safeParse(localModelEntry, { ...entry, key }).success).toBe(false);
});
