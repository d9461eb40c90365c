// The entry of a program that the build made into one file, with what V8 compiled of it in a second one beside it
// (scripts/compiled-program.mjs). It starts the first with the second; it knows nothing of what it starts.
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';

/**
 * Modules of Node to load and flags of V8 to set first, then the names of both files, each `chunk-NAME-DIGEST.ENDING`. Written by
 * the build.
 */
declare const PROGRAM: {
  readonly modules: readonly string[];
  readonly flags: readonly string[];
  readonly source: string;
  readonly code: string;
};

for (const name of PROGRAM.modules) require(name);
for (const flag of PROGRAM.flags) process.getBuiltinModule('node:v8').setFlagsFromString(flag);
const filename = join(__dirname, PROGRAM.source);
const source = whole(PROGRAM.source);
if (source) {
  // V8 itself refuses what another version, another processor or other flags made, and compiles the source instead.
  const script = new Script(source.toString('latin1'), { filename, cachedData: whole(PROGRAM.code) });
  script.runInThisContext()(require, filename, __dirname);
} else {
  process.stderr.write(`bowline: ${filename} is missing or damaged: run make build\n`);
  process.exitCode = 6;
}

/** What is in a file, if that is what it is named after: V8 runs damaged code and dies of it. */
function whole(name: string): Buffer | undefined {
  try {
    const content = readFileSync(join(__dirname, name));
    return name.includes(`-${hash('sha256', content).slice(0, 16)}.`) ? content : undefined;
  } catch {
    return undefined;
  }
}
