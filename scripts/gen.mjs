// Owns gen/: generates the TypeScript of all protos and puts into gen/ only what changed.
// `--check` changes nothing and fails if gen/ is not what the protos give. Must not edit generated text.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commentsText } from './gen-comments.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const check = process.argv.includes('--check');
const fresh = mkdtempSync(join(tmpdir(), 'bowline-gen-'));
try {
  generate();
  const wanted = files(join(fresh, 'gen'));
  const present = files(join(root, 'gen'));
  const stale = [...wanted].filter((path) => !present.has(path) || differs(path));
  const left = [...present].filter((path) => !wanted.has(path));
  if (!check) apply(stale, left);
  else if (stale.length + left.length > 0) {
    for (const path of stale) {
      process.stderr.write(`gen/${path}: ${present.has(path) ? 'differs from what proto/ gives' : 'is missing'}\n`);
    }
    for (const path of left) process.stderr.write(`gen/${path}: no proto gives this file\n`);
    process.stderr.write('generated code has drifted: run `make gen` and commit gen/\n');
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function generate() {
  const own =
    existsSync(join(root, 'proto')) && [...files(join(root, 'proto'))].some((path) => path.endsWith('.proto'));
  // buf refuses a module without a single file; without protos of our own there is still the third parties' code.
  const input = own ? [] : [join(root, 'third_party/proto')];
  const buf = spawnSync('buf', ['generate', ...input, '--output', fresh], { cwd: root, stdio: ['ignore', 2, 2] });
  if (buf.error)
    throw new Error(`buf does not run (${buf.error.message}): run \`npm ci\` and call this through npm or make`);
  if (buf.status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    process.exit(buf.status ?? 1);
  }
  if (own) writeFileSync(join(fresh, 'gen', 'comments.ts'), commentsText(root));
}

function files(folder) {
  if (!existsSync(folder)) return new Set();
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Set(entries.filter((e) => e.isFile()).map((e) => relative(folder, join(e.parentPath, e.name))));
}

function differs(path) {
  return !readFileSync(join(fresh, 'gen', path)).equals(readFileSync(join(root, 'gen', path)));
}

function apply(stale, left) {
  for (const path of stale) {
    const target = join(root, 'gen', path);
    mkdirSync(dirname(target), { recursive: true });
    // Renamed into place: another engineer's process never reads half a file.
    const part = `${target}.${process.pid}.part`;
    writeFileSync(part, readFileSync(join(fresh, 'gen', path)));
    renameSync(part, target);
  }
  for (const path of left) rmSync(join(root, 'gen', path));
  process.stderr.write(`gen: ${stale.length} written, ${left.length} removed\n`);
}
