// What the build made for the command line, in dist/ beside its bundle.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The text of a file of `dist/`. Throws what reading throws. */
export function builtFile(name: string): string {
  const here = import.meta.dirname;
  return readFileSync(join(here, basename(here) === 'cli' ? '../../dist' : '', name), 'utf8');
}
