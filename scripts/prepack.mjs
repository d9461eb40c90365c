// Before `npm pack`: builds what is stale, and leaves out of the package what lies in dist/ beside the programs: marks of the build,
// and chunks of earlier builds, which stay for programs that still run.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale'], { stdio: ['ignore', 2, 2] });

const names = readdirSync(dist);
const entries = names.filter((name) => !name.startsWith('chunk-') && /\.[cm]js$/.test(name));
const texts = entries.map((name) => readFileSync(join(dist, name), 'latin1'));
// An entry names its bundle and its compiled code, a bundle what it reads.
const named = new Set(texts.flatMap((text) => text.match(/chunk-[\w.-]+/g) ?? []));
for (const name of [...named].filter((name) => name.endsWith('.cjs') && names.includes(name))) {
  named.add(name.replace(/cjs$/, 'lines'));
  for (const more of readFileSync(join(dist, name), 'latin1').match(/chunk-[\w.-]+\.wasm/g) ?? []) named.add(more);
}
const old = names.filter((name) => name.startsWith('chunk-') && !named.has(name));
writeFileSync(join(dist, '.npmignore'), ['.*', ...old].map((name) => `${name}\n`).join(''));
