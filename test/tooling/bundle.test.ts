// The build and the launcher: what the edge's bundle may hold, and that any caller from anywhere gets the right program.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withSourceLines } from '../../src/base/source-lines.ts';
import { ROOT, Workspace } from './workspace.ts';

const PREPARED = ['dist/.prepared', 'dist/prepared-control.zst', 'dist/prepared-retrieval.zst'];
const TELL = `console.log(JSON.stringify({ cwd: process.cwd(), args: process.argv.slice(2), flags: process.execArgv, arenas: process.env.MALLOC_ARENA_MAX }));\n`;

function programs(): Workspace {
  const space = new Workspace('bowline', 'package.json', 'package-lock.json', 'scripts', 'src/main/start-compiled.ts');
  space.write('gen/.keep', '');
  for (const name of ['client', 'control-program', 'worker-program']) space.write(`src/main/${name}.ts`, TELL);
  space.write('src/main/edge.ts', `import '../edge/session.ts';\n${TELL}`);
  space.write('src/edge/session.ts', 'export const session = 1;\n');
  return space;
}

test('a build of the edge that reaches into another program, or a package too heavy for it, fails and names it', () => {
  const space = programs();
  space.write('src/control/secret.ts', 'export const secret = 1;\n');
  const build = () => space.run('node', ['scripts/build.mjs']);
  expect(build()).toEqual({ status: 0, output: '' });

  space.write('src/edge/session.ts', `import { secret } from '../control/secret.ts';\nconsole.log(secret);\n`);
  expect(build()).toMatchObject({ status: 1, output: expect.stringContaining('src/control/secret.ts') });

  space.write('src/base/settings/settings-file.ts', 'export const settle = 1;\n');
  space.write(
    'src/edge/session.ts',
    `import { settle } from '../base/settings/settings-file.ts';\nconsole.log(settle);\n`,
  );
  expect(build()).toMatchObject({ status: 1, output: expect.stringContaining('src/base/settings/settings-file.ts') });

  space.write(
    'src/edge/session.ts',
    `import { createValidator } from '@bufbuild/protovalidate';\nconsole.log(createValidator);\n`,
  );
  expect(build()).toMatchObject({
    status: 1,
    output: expect.stringContaining('node_modules/@bufbuild/protovalidate/'),
  });
});

test('the bundle of the edge carries SQLite and needs no packages beside it', () => {
  const space = programs();
  space.write(
    'src/edge/index/sql-wasm.ts',
    `import { readFileSync } from 'node:fs';\nexport const sqlWasm = (): Uint8Array => readFileSync('not in the bundle');\n`,
  );
  space.write(
    'src/edge/session.ts',
    `import initSqlJs from 'sql.js';
import { sqlWasm } from './index/sql-wasm.ts';
void initSqlJs({ wasmBinary: sqlWasm().buffer as ArrayBuffer }).then((SQL) => {
  console.log(JSON.stringify(new SQL.Database().exec('select 6 * 7 as answer')[0]?.values));
});
`,
  );
  space.write('src/main/edge.ts', `import '../edge/session.ts';\n`);
  expect(space.run('node', ['scripts/build.mjs'])).toMatchObject({ status: 0 });
  const node = realpathSync(join(space.dir, 'node_modules/.bin/node'));
  space.remove('node_modules');
  const flags = readFileSync(join(space.dir, 'dist/edge.flags'), 'utf8').trim().split(' ');
  expect(space.run(node, [...flags, 'dist/edge.cjs'])).toEqual({ status: 0, output: '[[42]]\n' });
});

test.skipIf(!existsSync(join(ROOT, 'src/main/edge.ts')))(
  'the edge of this tree holds nothing of the other programs',
  () => {
    // With the prepared databases of the last build, so that it does not make them anew.
    const space = new Workspace('package.json', 'package-lock.json', 'scripts', 'src', 'gen', ...PREPARED);
    expect(space.run('node', ['scripts/build.mjs'])).toEqual({ status: 0, output: '' });
    for (const name of ['edge', 'client', 'control-program', 'worker-program'])
      expect(compiledOf(space, name)).toBe('in use');
  },
  180_000,
);

test('the launcher builds, keeps folder and arguments, and starts the edge with its flags, also through a link', () => {
  const space = programs();
  space.write('elsewhere/.keep', '');
  symlinkSync('../bowline', join(space.dir, 'elsewhere/link'));
  const cwd = join(space.dir, 'elsewhere');
  const args = ['ask', `it's "a" $5 \`b\``, '*', ''];

  const main = space.run('./link', args, {}, cwd);
  expect(JSON.parse(main.output)).toMatchObject({ cwd, args });

  const edge = space.run('./link', ['edge', '--home', 'a b'], {}, cwd);
  const told = JSON.parse(edge.output);
  expect(told).toMatchObject({ cwd, args: ['edge', '--home', 'a b'] });
  expect(told.flags).toContain('--max-old-space-size=48');
  expect(told.arenas).toBe('1');

  const control = space.run('./link', ['--home', 'a b', 'control'], {}, cwd);
  expect(JSON.parse(control.output)).toMatchObject({ arenas: '1', flags: [] });
});

test('the launcher builds again what git or npm changed, and says at once what the last build says otherwise', () => {
  const space = programs();
  const launched = () => space.run('./bowline', ['status']).output;
  launched();
  space.write('src/main/client.ts', `console.log('rebuilt');\n`);
  const later = new Date(Date.now() + 5_000);
  utimesSync(join(space.dir, 'src/main/client.ts'), later, later);
  expect(launched()).toContain('status');

  space.write('elsewhere/index', '');
  utimesSync(join(space.dir, 'elsewhere/index'), later, later);
  space.write('.git', `gitdir: ${space.dir}/elsewhere\n`);
  expect(launched()).toBe('rebuilt\n');

  space.write('src/main/client.ts', `console.log('again');\n`);
  const muchLater = new Date(Date.now() + 10_000);
  for (const path of ['src/main/client.ts', 'package-lock.json'])
    utimesSync(join(space.dir, path), muchLater, muchLater);
  expect(launched()).toBe('again\n');
});

test('a stack that a program of ours logs names the lines of its sources', () => {
  const space = programs();
  space.write(
    'src/main/control-program.ts',
    `const no = 1;\nfunction deep() {\n  throw new Error(\`no \${no}\`);\n}\ntry {\n  deep();\n} catch (error) {\n  console.log((error as Error).stack);\n}\n`,
  );
  expect(space.run('node', ['scripts/build.mjs'])).toEqual({ status: 0, output: '' });
  const stack = withSourceLines(space.run('node', ['dist/control-program.cjs']).output);
  expect(stack).toContain('at deep (src/main/control-program.ts:3)');
});

test('a program starts the same without its compiled code, and with code that another Node or other flags made', () => {
  const space = programs();
  expect(space.run('node', ['scripts/build.mjs'])).toEqual({ status: 0, output: '' });
  const started = (...flags: string[]) =>
    JSON.parse(space.run('node', [...flags, 'dist/client.cjs', 'ask']).output).args;
  expect(compiledOf(space, 'client')).toBe('in use');
  expect(started()).toEqual(['ask']);
  expect(started('--no-opt')).toEqual(['ask']);

  const file = join(space.dir, 'dist', codeOf(space, 'client'));
  const code = readFileSync(file);
  // V8 looks at its header only; what follows would end the process.
  for (const at of [4, 40, code.length >> 1, code.length - 8]) {
    const damaged = Buffer.from(code);
    damaged.fill(0xff, at, at + 8);
    writeFileSync(file, damaged);
    expect([at, compiledOf(space, 'client')]).toEqual([at, 'refused']);
    expect(started()).toEqual(['ask']);
  }
  writeFileSync(file, code.subarray(0, code.length / 2));
  expect(started()).toEqual(['ask']);
  rmSync(file);
  expect(started()).toEqual(['ask']);
});

test('a program whose bundle is missing, damaged or cut short says so in one line, and ends with code 6', () => {
  const space = programs();
  expect(space.run('node', ['scripts/build.mjs'])).toEqual({ status: 0, output: '' });
  for (const [name, verb] of [
    ['client', 'status'],
    ['control-program', 'control'],
    ['worker-program', 'worker'],
    ['edge', 'edge'],
  ] as const) {
    const entry = join(space.dir, `dist/${name}.cjs`);
    const [source = ''] = /chunk-[\w-]+\.cjs/.exec(readFileSync(entry, 'utf8')) ?? [];
    const file = join(space.dir, 'dist', source);
    const content = readFileSync(file);
    const said = { status: 6, output: `bowline: ${file} is missing or damaged: run make build\n` };
    const damaged = Buffer.from(content);
    damaged.fill(0x20, content.length >> 1, (content.length >> 1) + 8);
    for (const bad of [damaged, content.subarray(0, 20), Buffer.alloc(0)]) {
      writeFileSync(file, bad);
      expect(space.run('./bowline', [verb])).toEqual(said);
    }
    rmSync(file);
    expect(space.run('./bowline', [verb])).toEqual(said);

    writeFileSync(entry, '');
    const empty = `bowline: there is no ${entry}, or it is empty: run make build\n`;
    expect(space.run('./bowline', [verb])).toEqual({ status: 6, output: empty });
  }
});

/** What V8 says of the compiled code of a program, under the flags with which it starts. */
function compiledOf(space: Workspace, name: string): string {
  const flags = name === 'edge' ? readFileSync(join(space.dir, 'dist/edge.flags'), 'utf8').trim().split(' ') : [];
  const watch = `const vm = require('node:vm');
const Script = vm.Script;
vm.Script = function (source, options) {
  const script = new Script(source, options);
  process.stdout.write(script.cachedDataRejected === false ? 'in use' : 'refused');
  process.exit();
};
`;
  space.write('watch.cjs', watch);
  return space.run('node', [...flags, '--require', './watch.cjs', `dist/${name}.cjs`, '--help']).output;
}

function codeOf(space: Workspace, name: string): string {
  const [code = ''] = /chunk-[\w-]+\.code/.exec(readFileSync(join(space.dir, `dist/${name}.cjs`), 'utf8')) ?? [];
  return code;
}

test('launchers that build at the same time all start, and leave nothing half done', async () => {
  const space = programs();
  const launched = [1, 2, 3].map(() => spawn('./bowline', ['status'], { cwd: space.dir, stdio: 'ignore' }));
  const codes = await Promise.all(launched.map(async (child) => (await once(child, 'exit'))[0]));
  expect(codes).toEqual([0, 0, 0]);
  expect(readdirSync(join(space.dir, 'dist')).filter((file) => file.startsWith('.build'))).toEqual([]);
});

test('a launcher that cannot start says why and ends with code 6', () => {
  const space = programs();
  space.remove('node_modules');
  space.write('node_modules/.package-lock.json', '{}');
  space.write('bin/node', '#!/bin/sh\necho v22.14.9\n');
  const tools = ['sh', 'dirname', 'readlink', 'find', 'head'];
  for (const tool of tools)
    symlinkSync(space.run('sh', ['-c', `command -v ${tool}`]).output.trim(), join(space.dir, 'bin', tool));
  space.run('chmod', ['+x', 'bin/node']);

  const { status, output } = space.run('/bin/sh', ['./bowline', 'status'], { PATH: join(space.dir, 'bin') });
  expect(status).toBe(6);
  expect(output).toContain("the system's is v22.14.9");

  space.remove('node_modules');
  const bare = space.run('/bin/sh', ['./bowline', 'status'], { PATH: join(space.dir, 'bin') });
  expect(bare.status).toBe(6);
  expect(bare.output).toContain('no npm');
});

test('a failed build is told with code 6', () => {
  const space = programs();
  space.write('src/main/edge.ts', 'import "./nowhere.ts";\n');
  const { status, output } = space.run('./bowline', ['status']);
  expect(status).toBe(6);
  expect(output).toContain('the build failed');
});
