// Makes three files of a bundle: its source as one function, what V8 compiled of it, and the entry that starts the first with the
// second (src/main/start-compiled.ts); and a fourth where the bundle has a source map. The first two have names by their content,
// so that they always fit each other, and the entry sees when one is damaged.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
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
  const text = `(function (require, __filename, __dirname) {${onlyAscii(readFileSync(entry, 'utf8'))}\n})\n`;
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
  // After a power cut they must be whole: without its source a program does not start.
  onDisk(join(work, source));
  onDisk(join(work, code));
  rmSync(entry);
  if (existsSync(`${entry}.map`)) {
    writeFileSync(join(work, source.replace(/cjs$/, 'lines')), sourceLines(`${entry}.map`, text));
    rmSync(`${entry}.map`);
  }
  await build({
    absWorkingDir: root,
    entryPoints: { [name]: 'src/main/start-compiled.ts' },
    outdir: work,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22.19',
    logLevel: 'warning',
    define: { PROGRAM: JSON.stringify({ source, code, ...engine }) },
  });
}

/** Which line of which source each line of the bundle is, as src/base/source-lines.ts reads it. */
function sourceLines(map, text) {
  const sources = [];
  const numbers = new Map();
  const known = new SourceMap(JSON.parse(readFileSync(map, 'utf8')));
  const lines = text.split('\n').map((line, index) => {
    const { originalSource, originalLine } = known.findEntry(index, Math.max(line.search(/\S/), 0));
    if (originalSource === undefined) return 0;
    if (!numbers.has(originalSource)) {
      numbers.set(originalSource, sources.length);
      sources.push(originalSource.replace(/^(?:\.\.\/)+/, ''));
    }
    return ((numbers.get(originalSource) << 16) | (originalLine + 1)) >>> 0;
  });
  const table = Buffer.alloc(4 + 4 * lines.length);
  table.writeUInt32LE(lines.length);
  for (const [index, line] of lines.entries()) table.writeUInt32LE(line, 4 + 4 * index);
  return Buffer.concat([table, Buffer.from(JSON.stringify(sources))]);
}

function onDisk(file) {
  const fd = openSync(file, 'r+');
  fsyncSync(fd);
  closeSync(fd);
}

function digest(content) {
  return createHash('sha256').update(content).digest('hex');
}
