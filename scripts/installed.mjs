// Tells whether node_modules holds what package-lock.json names: exit code 0 if so. It changes nothing.
// Must run on any Node that npm runs on, without a package.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// npm writes this file last, with what it really installed.
const hidden = join(root, 'node_modules/.package-lock.json');

function packages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

function complete() {
  if (!existsSync(hidden)) return false;
  const wanted = packages(join(root, 'package-lock.json'));
  const present = packages(hidden);
  return Object.entries(wanted).every(([path, { version, optional, devOptional }]) => {
    if (path === '') return true;
    const found = present[path];
    // Optional packages are for other machines, or did not build.
    return found === undefined ? optional === true || devOptional === true : found.version === version;
  });
}

process.exitCode = complete() ? 0 : 1;
