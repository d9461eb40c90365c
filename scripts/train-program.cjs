// Runs a program once and keeps what V8 compiled of it. Started by compiled-program.mjs as `train-program.cjs ENGINE SOURCE CODE
// WORDS...`.
const { readFileSync, writeFileSync } = require('node:fs');
const { dirname } = require('node:path');
const v8 = require('node:v8');
const { Script } = require('node:vm');

const [engine, filename, code, ...words] = process.argv.slice(2);
process.argv = [process.argv[0], filename, ...words];
// V8's flags are part of what its code is checked for: they are set as src/main/start-compiled.ts sets them, and stay so.
const { modules, flags } = JSON.parse(engine);
for (const name of modules) require(name);
const OF_THREADS = flags.includes('--liftoff-only')
  ? []
  : ['--no-expose-gc', '--no-liftoff-only', '--wasm-tier-up', '--wasm-dynamic-tiering'];
const setFlag = v8.setFlagsFromString;
for (const flag of flags) setFlag(flag);
v8.setFlagsFromString = () => {};
// Without it a program of ours ends by becoming a shell (src/base/end-process.ts), and nothing more could be done then.
process.execve = undefined;

const script = new Script(readFileSync(filename, 'latin1'), { filename });
// At its end, so that the functions which it used are in it. The thread of an embedded database has set flags that no start has, for the
// whole process (src/base/embedded-database/embedded-worker.ts).
process.on('exit', () => {
  for (const flag of OF_THREADS) setFlag(flag);
  writeFileSync(code, script.createCachedData());
});
script.runInThisContext()(require, filename, dirname(filename));
