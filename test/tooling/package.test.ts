// What package.json promises of the bundles in dist/: an installation for production has what they load, and no more.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { built, ROOT } from '../support/stack.ts';

// It may have to build.
vi.setConfig({ testTimeout: 120_000 });

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

test('the dependencies of the package are what the programs load by name; the rest is inside them, with its licences', async () => {
  const dist = await built();
  const texts = readdirSync(dist)
    .filter((name) => /\.[cm]js$/.test(name))
    .map((name) => readFileSync(join(dist, name), 'utf8'));
  const names = Object.keys(manifest.dependencies);
  for (const name of names)
    expect(
      texts.some((text) => new RegExp(`(?:require|import|from) ?\\(?["']${name}["']`).test(text)),
      `${name} is inside the bundles, so it belongs into devDependencies`,
    ).toBe(true);
  for (const name of ['embedded-worker', 'passage-worker']) {
    const text = readFileSync(join(dist, `${name}.mjs`), 'utf8');
    const imported = [...text.matchAll(/(?:from|import\() ?"([^".:]+)"/g)].map(([, from]) => from!);
    expect(imported.length).toBeGreaterThan(0);
    expect(imported.filter((from) => !names.includes(from) && !/^[a-z_]+(?:\/promises)?$/.test(from))).toEqual([]);
  }
  const bundled = readFileSync(join(dist, 'bundled-packages.txt'), 'utf8');
  for (const name of ['kysely', 'commander', 'sql.js', 'undici', '@bufbuild/protobuf']) {
    expect(bundled).toContain(`${name} ${manifest.devDependencies[name]} (`);
  }
});
