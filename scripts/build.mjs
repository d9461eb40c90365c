// Owns dist/: bundles the programs with esbuild, the edge into one file, and checks what went into the edge's; beside them lie the
// prepared databases (prepare-databases.ts).
// `--if-stale` does nothing while dist/ is newer than its sources. Must not leave a half-written file in dist/.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { bundledPackages } from './bundled-packages.mjs';
import { compileProgram } from './compiled-program.mjs';
import { lazyRules } from './lazy-rules.mjs';
import { onlyAscii } from './only-ascii.mjs';
import { slimValidate } from './slim-validate.mjs';
import { commandLine, edgeStart, statusOfEdge, upStart, workerStart } from './training.mjs';

/** What Node is started with for the edge (docs/decisions/0017): a small heap and no spare threads. Node keeps its own compiled code. */
const EDGE_FLAGS = ['--max-old-space-size=48', '--max-semi-space-size=1', '--v8-pool-size=0'];

/**
 * How V8 works in the edge. A heap that is collected as soon as a tenth of its allowance is used and once after the start
 * (src/main/edge.ts), and no compilers behind the interpreter: they and their output take 15 MB after some hundred tool calls, and the
 * edge waits for disk and network, not for JavaScript. On the command line these would make Node refuse the compiled code of its
 * own modules, so the entry loads those that a start needs, sets these, and then starts the program.
 */
const EDGE_ENGINE = {
  modules: ['node:crypto', 'node:tls', 'node:http', 'node:cluster'],
  flags: [
    '--no-opt',
    '--no-sparkplug',
    '--no-maglev',
    '--liftoff-only',
    '--no-wasm-tier-up',
    '--no-wasm-dynamic-tiering',
    '--wasm-wrapper-tiering-budget=1000000000',
  ],
};

/** The environment of the edge, for glibc: what is freed goes back to the system. Other C libraries ignore it. */
const EDGE_ENV = ['MALLOC_ARENA_MAX=1', 'MALLOC_TRIM_THRESHOLD_=65536', 'MALLOC_MMAP_THRESHOLD_=16384'];

/** What a bundle must not contain: other programs, and what is too heavy for a tiny box or for a short command. */
const HEAVY = ['src/control/', 'src/worker/', 'node_modules/kysely/', 'node_modules/pg/', 'node_modules/ai/'];
const FORBIDDEN = {
  edge: [...HEAVY, 'src/cli/', 'src/base/settings/settings-file.ts', 'node_modules/@bufbuild/protovalidate/'],
  client: HEAVY,
  'control-program': ['src/worker/loop/work-loop.ts', 'node_modules/undici/', 'node_modules/ai/'],
  'worker-program': ['src/control/gateway/', 'src/control/dispatch/', 'node_modules/ai/'],
};

/** What the programs load from its own files: what few need, what is needed late, and what reads files of its own. */
const APART = ['bullmq', 'ioredis', 'pg-native', 'ai', '@ai-sdk/*', '@electric-sql/*'];

/** The programs set none before they are loaded. */
const PLAIN_ENGINE = { modules: [], flags: [] };

/** What the edge needs seldom or never, and all that it takes from there: loaded when one of these names is first used. */
const SELDOM = {
  yaml: { functions: ['isMap', 'isNode', 'isPair', 'isScalar', 'parseDocument'], classes: ['LineCounter'] },
  'node:https': { functions: ['request'] },
  'node:child_process': { functions: ['spawn'] },
  // Used a second after the start.
  'node:perf_hooks': { functions: ['monitorEventLoopDelay'] },
  // Its logger checks with it at its end.
  assert: { whole: true },
  'node:zlib': { functions: ['brotliCompress', 'brotliDecompress', 'gunzip', 'gzip'] },
  // The edge starts none; its logger asks.
  worker_threads: { classes: ['Worker'], values: { isMainThread: true } },
};

/** What decides about the content of the prepared databases: they are made anew only when it changes. */
const PREPARED_FROM = [
  'scripts/prepare-databases.ts',
  'src/base/embedded-database',
  'src/control/store/migrate.ts',
  'src/control/store/migrations',
  'src/worker/handlers/retrieval/store/migrate.ts',
  'src/worker/handlers/retrieval/store/migrations',
  'src/worker/handlers/retrieval/store/open-database.ts',
  'node_modules/@electric-sql/pglite/package.json',
  'node_modules/@electric-sql/pglite-pgvector/package.json',
  'node_modules/kysely/package.json',
];

/** On a box with less memory no control plane runs, and the engine would not find room to make a database. */
const ENOUGH_TO_PREPARE = 2e9;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stamp = join(dist, '.stamp');
const preparedDigest = join(dist, '.prepared');

/** A test builds a part of the tree, in which an edge has nothing to connect to. */
const whole = existsSync(join(root, 'src/control/gateway/front.ts'));
/** Whether a control plane can be started here. */
const trainable = whole && totalmem() >= ENOUGH_TO_PREPARE;
/** The bundles of which V8's compiled code is kept: how they are started, and what is done with them for it. */
const COMPILED = {
  edge: {
    nodeFlags: EDGE_FLAGS,
    engine: EDGE_ENGINE,
    train: whole ? edgeStart(root) : commandLine('edge', '--help'),
  },
  client: {
    nodeFlags: [],
    engine: PLAIN_ENGINE,
    // The edge is compiled before it.
    train: whole
      ? (command, work) => statusOfEdge(root, [process.execPath, ...EDGE_FLAGS, join(work, 'edge.cjs')])(command)
      : commandLine('status'),
  },
  // The other one runs beside it, not compiled yet.
  'worker-program': {
    nodeFlags: [],
    engine: PLAIN_ENGINE,
    train: trainable
      ? (command, work) => workerStart([process.execPath, join(work, 'control-program.cjs')])(command)
      : commandLine('worker', '--help'),
  },
  'control-program': {
    nodeFlags: [],
    engine: PLAIN_ENGINE,
    train: trainable ? upStart() : commandLine('control', '--help'),
  },
};

/** CommonJS packages inside an ES module still use these three names. */
const COMMONJS = [
  `import { createRequire as __createRequire } from 'node:module';`,
  'const require = __createRequire(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join('');

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22.19',
  logLevel: 'warning',
  metafile: true,
};
/** One CommonJS file with its packages, which becomes what compiled-program.mjs makes of it. */
const inOneFile = {
  ...common,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.dirname': '__dirname' },
  // A script that V8 has compiled cannot import by itself.
  supported: { 'dynamic-import': false },
  legalComments: 'external',
  minifyWhitespace: true,
  minifySyntax: true,
  // Node shows the line of an uncaught error: it must not be the whole program.
  lineLimit: 160,
  // In place of the platform's, whose first use loads undici, all of Web Crypto, or all of the performance measurement.
  inject: inTree('src/base/headers.ts', 'src/base/random-values.ts', 'src/base/passing-time.ts'),
};
/** One CommonJS file, of which each line is one of a source, which the log tells (src/base/source-lines.ts). */
const asProgram = {
  ...inOneFile,
  external: APART,
  define: { ...inOneFile.define, 'import.meta.url': '__url' },
  banner: { js: `const __url = require('node:url').pathToFileURL(__filename).href;` },
  // They measure their turns, for which that is loaded anyway.
  inject: inTree('src/base/headers.ts', 'src/base/random-values.ts'),
  plugins: [withoutCommands(), lazyRules(), telemetryBeside()],
  minifyWhitespace: false,
  sourcemap: 'external',
  sourcesContent: false,
};
const CHUNK = 'chunk-';
const targets = [
  {
    entries: {
      'embedded-worker': 'src/base/embedded-database/embedded-worker.ts',
      'passage-worker': 'src/worker/handlers/retrieval/passages/passage-worker.ts',
      'llama-child': 'src/worker/llama/llama-child.ts',
    },
    options: { ...common, packages: 'external' },
  },
  {
    // Packages included: its process sees no other file. What reads PDF and DOCX, nine tenths of all, is read with the first of them.
    entries: {
      'parser-child': 'src/worker/documents/parser-child.ts',
      'read-pdf': 'src/worker/documents/read-pdf.ts',
      'read-docx': 'src/worker/documents/read-docx.ts',
    },
    options: {
      ...common,
      banner: { js: COMMONJS },
      legalComments: 'external',
      sourcemap: false,
      plugins: [embedPdfData(), readersBeside(), withoutDomino()],
    },
  },
  {
    // What an edge starts to have documents read; it starts the parser.
    entries: { 'reader-program': 'src/main/reader-program.ts' },
    options: { ...common, banner: { js: COMMONJS }, legalComments: 'external', sourcemap: false },
  },
  {
    entries: { edge: 'src/main/edge.ts' },
    options: {
      ...inOneFile,
      plugins: [sqlWasmBeside(), lazyPackages(), slimValidate()],
      loader: { '.wasm': 'file' },
      assetNames: `${CHUNK}[name]-[hash]`,
    },
  },
  {
    entries: { client: 'src/main/client.ts' },
    options: { ...inOneFile, plugins: [otherEntries(), slimValidate()] },
  },
  {
    // With their packages; loaded only where metrics are told, or traces sent.
    entries: {
      'metrics-sdk': 'src/base/telemetry/metrics-sdk.ts',
      'trace-sdk': 'src/base/telemetry/trace-sdk.ts',
    },
    options: { ...common, format: 'cjs', outExtension: { '.js': '.cjs' }, legalComments: 'external', sourcemap: false },
  },
  ...['worker-program', 'control-program'].map((name) => ({
    entries: { [name]: `src/main/${name}.ts` },
    options: asProgram,
  })),
]
  .map(({ entries, options }) => ({ entries: present(entries), options }))
  .filter(({ entries }) => Object.keys(entries).length > 0);

const asked = new Date();
if (!process.argv.includes('--if-stale') || stale()) await buildAll();
// The launcher asks again only when something is newer than this.
else utimesSync(stamp, asked, asked);

/**
 * The edge loads SQLite's WebAssembly through `src/edge/index/sql-wasm.ts`, which reads it from node_modules; in the bundle that
 * module is replaced by one that reads a file beside it. Within the bundle the bytes would lie in memory as source, used or not.
 */
function sqlWasmBeside() {
  return {
    name: 'sql-wasm-beside',
    setup(bundler) {
      bundler.onLoad({ filter: /[\\/]src[\\/]edge[\\/]index[\\/]sql-wasm\.ts$/ }, () => ({
        contents: `import { readFileSync } from 'node:fs';
            import { join } from 'node:path';
            import file from 'sql.js/dist/sql-wasm.wasm';
            export const sqlWasm = () => readFileSync(join(import.meta.dirname, file));`,
        resolveDir: root,
        loader: 'js',
      }));
    },
  };
}

/** Their own modules are in the bundle, but run when a first name is used. */
function lazyPackages() {
  const names = Object.keys(SELDOM).join('|');
  return {
    name: 'lazy-packages',
    setup(bundler) {
      bundler.onResolve({ filter: new RegExp(`^(?:${names})$`) }, ({ path, namespace }) =>
        namespace === 'lazy-packages' ? undefined : { path, namespace: 'lazy-packages' },
      );
      bundler.onLoad({ filter: /.*/, namespace: 'lazy-packages' }, ({ path }) => {
        const { functions = [], classes = [], values = {}, whole: callable } = SELDOM[path];
        const whole = isBuiltin(path) ? `process.getBuiltinModule('${path}')` : `require('${path}')`;
        if (callable) return { contents: `module.exports = (...args) => ${whole}(...args);`, loader: 'js' };
        // Who uses more of it gets an error of esbuild: there is no such export.
        const lines = [
          ...functions.map((name) => `export const ${name} = (...args) => ${whole}.${name}(...args);`),
          ...classes.map((name) => `export function ${name}(...args) { return new (${whole}.${name})(...args); }`),
          ...Object.entries(values).map(([name, value]) => `export const ${name} = ${value};`),
        ];
        return { contents: lines.join('\n'), resolveDir: root, loader: 'js' };
      });
    },
  };
}

/** The client goes on in the entries of the programs for their verbs. */
function otherEntries() {
  return {
    name: 'other-entries',
    setup(bundler) {
      bundler.onResolve({ filter: /^\.\/(?:control-program|worker-program|edge)\.ts$/ }, ({ path }) => ({
        path: path.replace(/\.ts$/, '.cjs'),
        external: true,
      }));
    },
  };
}

/** The commands of the command line are in the client; a program knows their names only. */
function withoutCommands() {
  return {
    name: 'without-commands',
    setup(bundler) {
      bundler.onResolve({ filter: /^\.\.\/cli\/verbs\/|\/(?:verify|ledger)-offline\.ts$/ }, ({ kind, path }) =>
        kind === 'dynamic-import' ? { path, namespace: 'without-commands' } : undefined,
      );
      bundler.onLoad({ filter: /.*/, namespace: 'without-commands' }, () => ({ contents: '' }));
    },
  };
}

/** The parser of documents sees no file but its own: it carries the tables of pdf.js, which are packed already. */
function embedPdfData() {
  return {
    name: 'embed-pdf-data',
    setup(bundler) {
      bundler.onLoad({ filter: /[\\/]src[\\/]worker[\\/]documents[\\/]pdf-data\.ts$/ }, () => {
        const files = {};
        for (const [kind, folder] of Object.entries({ cMapUrl: 'cmaps', standardFontDataUrl: 'standard_fonts' })) {
          const from = join(root, 'node_modules', 'pdfjs-dist', folder);
          for (const name of readdirSync(from).filter((name) => /\.(?:bcmap|pfb|ttf)$/.test(name))) {
            files[`${kind}/${name}`] = readFileSync(join(from, name)).toString('base64');
          }
        }
        return {
          contents: `export function pdfData(kind, filename) {
            const files = ${JSON.stringify(files)};
            const name = kind + '/' + filename;
            return Object.hasOwn(files, name) ? new Uint8Array(Buffer.from(files[name], 'base64')) : undefined;
          }`,
          resolveDir: root,
          loader: 'js',
        };
      });
    },
  };
}

/** What `read-document.ts` loads only when it is needed stays a file of its own. */
function readersBeside() {
  return {
    name: 'readers-beside',
    setup(bundler) {
      bundler.onResolve({ filter: /^\.\/read-(?:pdf|docx)\.ts$/ }, ({ kind, path }) =>
        kind === 'dynamic-import' ? { path: path.replace(/\.ts$/, '.mjs'), external: true } : undefined,
      );
    },
  };
}

/** OpenTelemetry's SDKs stay in files of their own. */
function telemetryBeside() {
  return {
    name: 'telemetry-beside',
    setup(bundler) {
      bundler.onResolve({ filter: /\/(?:metrics|trace)-sdk\.ts$/ }, ({ path }) => ({
        path: `./${path.slice(path.lastIndexOf('/') + 1).replace(/\.ts$/, '.cjs')}`,
        external: true,
      }));
    },
  };
}

/** Turndown loads a parser of HTML, half a megabyte, for pages that it is given as text. Ours gives it a tree. */
function withoutDomino() {
  return {
    name: 'without-domino',
    setup(bundler) {
      bundler.onLoad({ filter: /[\\/]@mixmark-io[\\/]domino[\\/]lib[\\/]index\.js$/ }, () => ({ contents: '' }));
    },
  };
}

function inTree(...files) {
  return files.filter((file) => existsSync(join(root, file)));
}

function present(entries) {
  return Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(join(root, file))));
}

function asciiFile(file) {
  writeFileSync(file, onlyAscii(readFileSync(file, 'utf8')));
}

async function buildAll() {
  const started = new Date();
  mkdirSync(dist, { recursive: true });
  const work = mkdtempSync(join(dist, '.build-'));
  // The parser of documents runs as nobody.
  chmodSync(work, 0o755);
  try {
    writeFileSync(join(work, 'edge.flags'), `${EDGE_FLAGS.join(' ')}\n`);
    writeFileSync(join(work, 'edge.env'), `${EDGE_ENV.join(' ')}\n`);
    const bundles = targets.map(({ entries, options }) =>
      build({ outExtension: { '.js': '.mjs' }, ...options, entryPoints: entries, outdir: work }),
    );
    const [results, digest] = await Promise.all([Promise.all(bundles), prepareDatabases(work)]);
    const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
    writeFileSync(join(work, 'bundled-packages.txt'), bundledPackages(root, inputs));
    writeFileSync(join(work, 'commit.txt'), commitOf());
    if (whole) await writeVerbTree(work);
    // Where nothing changed in them they are in place; the programs are trained with them.
    for (const name of readdirSync(dist).filter((name) => /^prepared-.*\.zst$/.test(name)))
      if (!existsSync(join(work, name))) copyFileSync(join(dist, name), join(work, name));
    for (const [index, { entries, options }] of targets.entries()) {
      for (const name of Object.keys(entries)) {
        checkContents(name, results[index].metafile);
        if (COMPILED[name]) await compileProgram({ root, work, name, chunk: CHUNK, ...COMPILED[name] });
        else if (options.packages !== 'external')
          asciiFile(join(work, `${name}${options.outExtension?.['.js'] ?? '.mjs'}`));
      }
    }
    // Each file is renamed into place whole, so launchers that build at the same time do not disturb each other.
    // Chunks come first: a program that is in place finds its own.
    const built = readdirSync(work).sort((a, b) => Number(b.startsWith(CHUNK)) - Number(a.startsWith(CHUNK)));
    for (const name of built) renameSync(join(work, name), join(dist, name));
    dropOldChunks(built);
    writeFileSync(preparedDigest, digest);
    writeFileSync(join(work, '.stamp'), '');
    // A source that changes while this builds must be newer than the stamp.
    utimesSync(join(work, '.stamp'), started, started);
    renameSync(join(work, '.stamp'), stamp);
  } catch (error) {
    // esbuild has already shown its own errors.
    if (!Array.isArray(error?.errors)) process.stderr.write(`build: ${error.message}\n`);
    process.exitCode = 1;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Puts the prepared databases into `work` if those of `dist/` are old. Returns the digest of what they are made from. */
async function prepareDatabases(work) {
  const inTree = PREPARED_FROM.every((path) => existsSync(join(root, path)));
  if (!inTree || totalmem() < ENOUGH_TO_PREPARE) return '';
  const digest = digestOf(PREPARED_FROM);
  if (existsSync(preparedDigest) && readFileSync(preparedDigest, 'utf8') === digest) return digest;
  // Bundled, because Node of an older version runs no TypeScript; in a folder of its own, because it is no part of the programs.
  const own = join(work, 'prepare');
  const entries = ['scripts/prepare-databases.ts', 'src/base/embedded-database/embedded-worker.ts'];
  await build({
    ...common,
    entryPoints: entries,
    entryNames: '[name]',
    outdir: own,
    outExtension: { '.js': '.mjs' },
    packages: 'external',
  });
  // Without the optimizing compiler of WebAssembly, which takes more time and memory than it saves here.
  await promisify(execFile)(process.execPath, ['--liftoff-only', join(own, 'prepare-databases.mjs'), work]);
  rmSync(own, { recursive: true });
  return digest;
}

/** The commit of the sources, for `bowline version`; empty in a copy without git. */
function commitOf() {
  const git = (...words) =>
    execFileSync('git', ['-C', root, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    // A folder inside of somebody else's repository is none of ours.
    if (git('rev-parse', '--show-prefix') !== '') return '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}\n`;
  } catch {
    return '';
  }
}

/** The words of all verbs, for `bowline completion`: no bundle has all of them. */
async function writeVerbTree(work) {
  // Bundled, because Node of an older version runs no TypeScript; in the tree, so that it finds its packages.
  const file = join(work, 'verb-tree.mjs');
  await build({
    ...common,
    metafile: false,
    entryPoints: ['scripts/verb-tree.ts'],
    outfile: file,
    packages: 'external',
  });
  const { stdout } = await promisify(execFile)(process.execPath, [file]);
  writeFileSync(join(work, 'verb-tree.json'), stdout);
  rmSync(file);
}

function digestOf(paths) {
  const names = paths.flatMap((path) =>
    statSync(join(root, path)).isDirectory() ? readdirSync(join(root, path)).map((name) => join(path, name)) : [path],
  );
  const hash = createHash('sha256');
  for (const name of names.filter((name) => !name.endsWith('.test.ts')).sort()) {
    hash.update(`${name}\n`).update(readFileSync(join(root, name)));
  }
  return hash.digest('hex');
}

/** Chunks of earlier builds stay for an hour: a program that was started before may still load one. */
function dropOldChunks(built) {
  const old = Date.now() - 3_600_000;
  for (const name of readdirSync(dist)) {
    if (!name.startsWith(CHUNK) || built.includes(name)) continue;
    const path = join(dist, name);
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < old) rmSync(path, { force: true });
  }
}

function checkContents(name, metafile) {
  const forbidden = FORBIDDEN[name] ?? [];
  const wrong = Object.keys(metafile.inputs).filter((input) => forbidden.some((part) => input.includes(part)));
  if (wrong.length > 0) throw new Error(`the bundle of ${name} must not contain these:\n  ${wrong.join('\n  ')}`);
}

function stale() {
  const programs = targets.flatMap(({ entries, options }) =>
    Object.keys(entries).map((name) => `${name}${options.outExtension?.['.js'] ?? '.mjs'}`),
  );
  if (!existsSync(stamp) || programs.some((name) => !existsSync(join(dist, name)))) return true;
  const built = statSync(stamp).mtimeMs;
  const newer = (path) => existsSync(path) && statSync(path).mtimeMs > built;
  if (newer(join(root, 'package-lock.json'))) return true;
  return ['src', 'gen', 'scripts'].some((folder) => {
    if (newer(join(root, folder))) return true;
    if (!existsSync(join(root, folder))) return false;
    const names = readdirSync(join(root, folder), { recursive: true });
    return names.some((name) => !name.endsWith('.test.ts') && newer(join(root, folder, name)));
  });
}
