// An exported name of src/ stands for one thing: no two files export it, no contract has it for something else, and what two
// contracts call alike has names that tell which is meant.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportedTwice, importedForTwo, namedLikeContracts, type SourceText } from './exported-names.ts';
import { ROOT } from './workspace.ts';

const read = (pattern: string): SourceText[] =>
  globSync(pattern, { cwd: ROOT })
    .filter((path) => !path.endsWith('.test.ts'))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

const SOURCES = read('src/**/*.ts');
// Of ours, and of others' that the programs use.
const CONTRACTS = read('gen/**/*.ts').filter(({ path }) => !path.startsWith('gen/opentelemetry/'));
const plant = (path: string, text: string): SourceText => ({ path, text });

test('every exported interface, type, class, enum, function and constant of src/ has a name of its own', () => {
  expect(SOURCES.length).toBeGreaterThan(700);
  expect(exportedTwice(SOURCES)).toEqual([]);
});

test('no exported type of src/ has the name of a message, an enum or a service', () => {
  expect(CONTRACTS.length).toBeGreaterThan(20);
  expect(namedLikeContracts(SOURCES, CONTRACTS)).toEqual([]);
});

test('what two contracts call alike is imported under names that tell which is meant', () => {
  expect(importedForTwo(SOURCES)).toEqual([]);
});

test('a second thing of each kind under one name is found; the same thing exported again is none', () => {
  const kinds = [
    'interface Planted {}',
    'type Planted = 1;',
    'class Planted {}',
    'abstract class Planted {}',
    'enum Planted {}',
  ];
  const values = [
    'function Planted() {}',
    'async function* Planted() {}',
    'const Planted = 1;',
    'const { a: Planted } = b;',
  ];
  for (const kind of [...kinds, ...values]) {
    const [one, two] = [plant('src/a.ts', 'export const Planted = 0;'), plant('src/b.ts', `export ${kind}`)];
    expect(exportedTwice([one, two]), kind).toEqual([{ name: 'Planted', files: ['src/a.ts', 'src/b.ts'] }]);
  }
  const again = plant(
    'src/c.ts',
    "export { Planted } from './a.ts'; export type { Other } from './a.ts'; const Planted = 2;",
  );
  expect(exportedTwice([plant('src/a.ts', 'export const Planted = 0; export type Other = 1;'), again])).toEqual([]);
});

test('a type named like a message is found; a function of that name is none', () => {
  const contract = plant('gen/x_pb.ts', 'export type Planted = Message<"x.Planted"> & { id: string };');
  const type = plant('src/a.ts', 'export interface Planted {}');
  const shared = [{ name: 'Planted', files: ['gen/x_pb.ts', 'src/a.ts'] }];
  expect(namedLikeContracts([type, plant('src/b.ts', 'export const Planted = 1;')], [contract])).toEqual(shared);
});

test('messages of two contracts under one name are found, and an alias tells them apart', () => {
  const one = plant('src/a.ts', "import type { Planted } from '../gen/x/x_pb.ts';");
  const two = plant('src/deep/b.ts', "import { type Planted } from '../../gen/y/y_pb.ts';");
  const alias = plant('src/deep/b.ts', "import { type Planted as YPlanted } from '../../gen/y/y_pb.ts';");
  expect(importedForTwo([one, two])).toEqual([{ name: 'Planted', files: ['x/x_pb.ts', 'y/y_pb.ts'] }]);
  expect(importedForTwo([one, alias])).toEqual([]);
});
