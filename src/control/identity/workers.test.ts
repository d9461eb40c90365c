import { expect, test } from 'vitest';
import type { WorkerPrincipal } from './principal.ts';
import { verifyClaim } from './workers.ts';

const llm = 'bowline.capability.llm.v1';
const principal = (more: Partial<WorkerPrincipal> = {}): WorkerPrincipal => ({
  kind: 'worker',
  tenant: 'a',
  id: '0',
  name: 'w',
  packages: [llm],
  pool: 'gpu',
  tenants: ['a'],
  ...more,
});
const claim = { packages: [llm], pool: 'gpu', tenants: [] as string[] };

test('a claim within the key stands, and no tenants named means all that the key allows', () => {
  expect(verifyClaim(principal(), claim)).toEqual(['a']);
  expect(verifyClaim(principal({ tenants: ['*'] }), { ...claim, tenants: ['b'] })).toEqual(['b']);
  expect(verifyClaim(principal({ packages: ['*'] }), { ...claim, packages: ['x.v1'] })).toEqual(['a']);
});

test.each([
  ['another package', { packages: [llm, 'bowline.capability.web.v1'] }],
  ['every package', { packages: ['*'] }],
  ['another pool', { pool: 'default' }],
  ['another tenant', { tenants: ['a', 'b'] }],
  ['any tenant', { tenants: ['*'] }],
])('a claim of %s beyond the key is refused', (_what, more) => {
  expect(() => verifyClaim(principal(), { ...claim, ...more })).toThrow('does not allow');
});
