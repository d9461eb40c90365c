// An exported type of the control plane has a name of its own: no other file of src/ and no contract exports that name.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const EXPORTED = /^export (?:declare )?(?:abstract )?(?:interface|type|class|enum) ([A-Za-z_$][\w$]*)/gm;

function exportedTypes(): Map<string, Set<string>> {
  const places = new Map<string, Set<string>>();
  for (const file of globSync('{src,gen}/**/*.ts', { cwd: ROOT })) {
    if (file.endsWith('.test.ts')) continue;
    for (const [, name] of readFileSync(join(ROOT, file), 'utf8').matchAll(EXPORTED)) {
      const found = places.get(name!) ?? new Set();
      places.set(name!, found.add(file));
    }
  }
  return places;
}

test('no exported type of the control plane shares its name with another', () => {
  const places = exportedTypes();
  expect(places.get('FoldedRun')).toEqual(new Set(['src/control/orchestrator/run/state.ts']));
  const shared = [...places]
    .map(([name, files]) => ({ name, files: [...files] }))
    .filter(({ files }) => files.length > 1 && files.some((file) => file.startsWith('src/control/')));
  expect(shared).toEqual([]);
});
