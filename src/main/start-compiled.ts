// The entry of a program that the build made into one file, with what V8 compiled of it in a second one beside it
// (scripts/compiled-program.mjs). It starts the first with the second; it knows nothing of what it starts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';

/** Modules of Node to load and flags of V8 to set first, then the names of both files. Written by the build. */
declare const PROGRAM: {
  readonly modules: readonly string[];
  readonly flags: readonly string[];
  readonly source: string;
  readonly code: string;
};

for (const name of PROGRAM.modules) require(name);
for (const flag of PROGRAM.flags) process.getBuiltinModule('node:v8').setFlagsFromString(flag);
const filename = join(__dirname, PROGRAM.source);
const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData: compiled() });
script.runInThisContext()(require, filename, __dirname);

/** V8 itself refuses what another version, another processor or other flags made, and compiles the source instead. */
function compiled(): Buffer | undefined {
  try {
    return readFileSync(join(__dirname, PROGRAM.code));
  } catch {
    return undefined;
  }
}
