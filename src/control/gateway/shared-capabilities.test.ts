import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { declarationOf } from './shared-capabilities.ts';

/** As two edges would send it. */
const manifest = (names: readonly string[], build = 'b') => {
  const capabilities = [{ package: 'p.v1', methods: names.map((name) => ({ name })) }];
  return fromBinary(ManifestSchema, toBinary(ManifestSchema, create(ManifestSchema, { build, capabilities })));
};

test('equal capabilities are kept once, whatever else two edges declare; others are not mixed up', () => {
  const [a, b, other] = [manifest(['Read'], '1'), manifest(['Read'], '2'), manifest(['Read', 'Write'])];
  expect(declarationOf(b)).toBe(declarationOf(a));
  expect([...declarationOf(a).methods]).toEqual(['p.v1/Read']);
  expect([...declarationOf(other).methods]).toEqual(['p.v1/Read', 'p.v1/Write']);
});

test('large ones, and more than are remembered, are each their own', () => {
  const large = () => manifest(Array.from({ length: 64 }, (_, n) => `${n}`.padEnd(300, 'x')));
  const big = large();
  expect(declarationOf(large())).not.toBe(declarationOf(big));
  expect(declarationOf(big).methods.size).toBe(64);
  const first = manifest(['First']);
  const known = declarationOf(first);
  for (let n = 0; n < 64; n++) declarationOf(manifest([`M${n}`]));
  expect(declarationOf(first)).not.toBe(known);
  expect(declarationOf(first)).toEqual(known);
});
