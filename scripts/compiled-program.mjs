// Makes three files of a bundle: its source as one function, what V8 compiled of it, and the entry that starts the first with the
// second (src/main/start-compiled.ts). The first two have names by their content, so that they always fit each other.
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { onlyAscii } from './only-ascii.mjs';

const TRAINER = fileURLToPath(new URL('train-program.cjs', import.meta.url));

/**
 * @param work the folder with `<name>.cjs`, the bundle, which becomes the entry
 * @param nodeFlags with which Node is started for it
 * @param engine modules of Node to load first, and flags of V8 to set then
 * @param train runs the program once, given the command for it; functions that it does not use are compiled when they are used
 */
export async function compileProgram({ root, work, name, chunk, nodeFlags, engine, train }) {
  const entry = join(work, `${name}.cjs`);
  const text = `(function (require, __filename, __dirname, importEntry) {${onlyAscii(readFileSync(entry, 'utf8'))}\n})\n`;
  const source = `${chunk}${name}-${digest(text).slice(0, 16)}.cjs`;
  writeFileSync(join(work, source), text);
  const trained = join(work, `${name}.code`);
  try {
    await train([process.execPath, ...nodeFlags, TRAINER, JSON.stringify(engine), join(work, source), trained], work);
  } catch (error) {
    throw new Error(`${name} could not be started to compile it: ${error.message}`);
  }
  const code = `${chunk}${name}-${digest(readFileSync(trained)).slice(0, 16)}.code`;
  renameSync(trained, join(work, code));
  // V8 looks at its length and at what made it, not at each byte: after a power cut it must be whole or not there.
  onDisk(join(work, source));
  onDisk(join(work, code));
  rmSync(entry);
  await build({
    absWorkingDir: root,
    entryPoints: { [name]: 'src/main/start-compiled.ts' },
    outdir: work,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22.15',
    logLevel: 'warning',
    define: { PROGRAM: JSON.stringify({ source, code, ...engine }) },
  });
}

function onDisk(file) {
  const fd = openSync(file, 'r+');
  fsyncSync(fd);
  closeSync(fd);
}

function digest(content) {
  return createHash('sha256').update(content).digest('hex');
}
