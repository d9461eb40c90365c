// The package that `npm pack` makes: small, whole, and running where it was installed into an empty folder.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { built, ROOT } from '../support/stack.ts';

// Packages are installed as a user would, from the registry or from npm's cache.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 400_000 });

const run = promisify(execFile);
const MOST_MB = 150;

let dir: string;
let app: string;
let packed: string[] = [];
/** Why the package could not be installed here. */
let missing: string | undefined;
/** The group of `npx bowline up`, as a terminal has it, and its end. */
let up: { readonly child: ChildProcess; readonly closed: Promise<unknown> } | undefined;

/** Without what npm told this process of its own script. */
const plainEnv = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm_|BOWLINE_|NODE_OPTIONS)/.test(name)));

beforeAll(async () => {
  await built();
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'bowline-package-')));
  app = join(dir, 'app');
  mkdirSync(app);
  mkdirSync(join(dir, 'notes'));
  writeFileSync(join(dir, 'notes/launch.md'), '# Launch\n\nThe launch is on 14 May.\n');
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', dir], { cwd: ROOT, env: plainEnv() });
  const [told] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  packed = told.files.map(({ path }: { path: string }) => path);
  const words = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', '--loglevel=error'];
  await run('npm', [...words, join(dir, told.filename)], { cwd: app, env: plainEnv(), timeout: 300_000 }).catch(
    (error) => {
      if (!/\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED)\b/.test(error.stderr))
        throw error;
      missing = 'no registry is reachable from here';
    },
  );
});

afterAll(async () => {
  await interrupt();
  rmSync(dir, { recursive: true, force: true });
});

/** What Ctrl-C does. */
async function interrupt(): Promise<void> {
  const running = up;
  up = undefined;
  if (!running?.child.pid) return;
  process.kill(-running.child.pid, 'SIGINT');
  await running.closed;
}

/** As its users call it; nothing is piped into it. */
const bowline = async (words: readonly string[], path = process.env.PATH) => {
  const env = { ...plainEnv(), PATH: path, BOWLINE_HOME: join(dir, 'home') };
  const running = run('npx', ['bowline', ...words], { cwd: app, env });
  running.child.stdin?.end();
  return await running.catch((error) => error);
};

test('it holds the programs and no sources, tests, benchmarks or leftovers of a build', () => {
  expect(packed.filter((path) => !/^(?:dist|docs)\//.test(path)).sort()).toEqual(
    ['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'bowline', 'package.json'].sort(),
  );
  const entries = ['client', 'control-program', 'worker-program', 'edge'];
  expect(packed).toEqual(expect.arrayContaining(entries.map((name) => `dist/${name}.cjs`)));
  for (const name of entries) {
    const chunks = packed.filter((path) => path.startsWith(`dist/chunk-${name}-`) && path.endsWith('.cjs'));
    expect(chunks, name).toHaveLength(1);
    expect(readFileSync(join(ROOT, `dist/${name}.cjs`), 'utf8')).toContain(chunks[0]!.slice('dist/'.length));
  }
  expect(packed.filter((path) => path.startsWith('dist/.'))).toEqual([]);
});

test('what its README links to is in it', () => {
  const links = [...readFileSync(join(ROOT, 'README.md'), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)];
  const places = links.map(([, place = '']) => place);
  expect(places.length).toBeGreaterThan(5);
  expect(
    places.filter((place) => !packed.some((path) => path === place || path.startsWith(`${place}/`.replace('//', '/')))),
  ).toEqual([]);
});

test('installed it is small beside the Node that comes with it', (context) => {
  if (missing) context.skip(missing);
  const modules = join(app, 'node_modules');
  const node = readdirSync(modules).find((name) => name.startsWith('node-linux-'));
  const bytes = (path: string): number => {
    const stat = lstatSync(path);
    if (!stat.isDirectory()) return stat.size;
    return readdirSync(path).reduce((sum, name) => sum + bytes(join(path, name)), 0);
  };
  const mb = (bytes(modules) - (node ? bytes(join(modules, node)) : 0)) / 1e6;
  expect(mb).toBeLessThan(MOST_MB);
});

test('`npx bowline up` runs there, and `ask` is answered', async (context) => {
  if (missing) context.skip(missing);
  const child = spawn('npx', ['bowline', 'up', '--allow', join(dir, 'notes'), '--port', '0'], {
    cwd: app,
    env: { ...plainEnv(), BOWLINE_HOME: join(dir, 'home') },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  up = { child, closed: once(child, 'close') };
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  await vi.waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${printed}`);
      expect(printed).toMatch(/^ready /m);
    },
    { timeout: 120_000, interval: 100 },
  );
  const asked = await bowline(['ask', '--share', join(dir, 'notes/launch.md'), 'When is the launch?']);
  expect(asked.stdout, asked.stderr).toContain('The launch is on 14 May');
  // The library that cuts documents, and the database of the embedded engine with its vectors.
  const added = await bowline(['docs', 'add', join(dir, 'notes')]);
  expect(`${added.stdout}${added.stderr}`).toContain('1 added');
  await interrupt();
});

test('without the Node that comes with it, it takes the one of the system, or says which is missing', async (context) => {
  if (missing) context.skip(missing);
  const modules = join(app, 'node_modules');
  for (const name of readdirSync(modules))
    if (name.startsWith('node-linux-')) rmSync(join(modules, name), { recursive: true });
  rmSync(join(modules, '.bin/node'), { force: true });
  expect((await bowline(['--version'], `${dirname(process.execPath)}:${process.env.PATH}`)).stdout).toMatch(
    /^\d+\.\d+/,
  );
  const old = join(dir, 'old');
  mkdirSync(old);
  writeFileSync(join(old, 'node'), '#!/bin/sh\necho v20.1.0\n', { mode: 0o755 });
  const launcher = join(modules, 'bowline/bowline');
  const refused = await run('sh', [launcher, '--version'], { env: { PATH: `${old}:/usr/bin:/bin` } }).catch(
    (error) => error,
  );
  expect(refused.code).toBe(6);
  expect(refused.stderr).toMatch(/the system's is v20\.1\.0\..* install Bowline again without --omit=optional/);
  expect(existsSync(join(app, 'node_modules/bowline/src'))).toBe(false);
});
