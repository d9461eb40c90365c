// The build and the launcher: what the edge's bundle may hold, and that any caller from anywhere gets the right program.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, realpathSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, Workspace } from './workspace.ts';

const TELL = `console.log(JSON.stringify({ cwd: process.cwd(), args: process.argv.slice(2), flags: process.execArgv, arenas: process.env.MALLOC_ARENA_MAX }));\n`;

function programs(): Workspace {
  const space = new Workspace('bowline', 'package.json', 'package-lock.json', 'scripts');
  space.write('gen/.keep', '');
  space.write('src/main/bowline.ts', TELL);
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
const SQL = await initSqlJs({ wasmBinary: sqlWasm().buffer as ArrayBuffer });
console.log(JSON.stringify(new SQL.Database().exec('select 6 * 7 as answer')[0]?.values));
`,
  );
  space.write('src/main/edge.ts', `import '../edge/session.ts';\n`);
  expect(space.run('node', ['scripts/build.mjs']).status).toBe(0);
  const node = realpathSync(join(space.dir, 'node_modules/.bin/node'));
  space.remove('node_modules');
  const flags = readFileSync(join(space.dir, 'dist/edge.flags'), 'utf8').trim().split(' ');
  expect(space.run(node, [...flags, 'dist/edge.mjs'])).toEqual({ status: 0, output: '[[42]]\n' });
});

test.skipIf(!existsSync(join(ROOT, 'src/main/edge.ts')))(
  'the edge of this tree holds nothing of the other programs',
  () => {
    // With the note of the last build, so that it does not make the prepared databases anew.
    const space = new Workspace('package.json', 'package-lock.json', 'scripts', 'src', 'gen', 'dist/.prepared');
    expect(space.run('node', ['scripts/build.mjs'])).toMatchObject({ status: 0 });
    expect(existsSync(join(space.dir, 'dist/edge.mjs'))).toBe(true);
  },
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
  expect(told.flags).toContain('--liftoff-only');
  expect(told.arenas).toBe('1');

  space.write('src/main/bowline.ts', `console.log('rebuilt');\n`);
  const later = new Date(Date.now() + 5_000);
  utimesSync(join(space.dir, 'src/main/bowline.ts'), later, later);
  expect(space.run('./link', [], {}, cwd).output).toBe('rebuilt\n');
});

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
