// A worker in Python, with Google's gRPC and generated stubs, serves a capability that Bowline does not know: its owner adds
// its contract, and buf calls it through the mesh by reflection.
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { eventually } from '../support/control-plane.ts';
import { Program } from '../support/program.ts';
import { PYTHON, pythonLacks } from '../support/python.ts';
import { ROOT, Stack } from '../support/stack.ts';

const BUF = join(ROOT, 'node_modules/.bin/buf');
const EXAMPLE = join(ROOT, 'examples/python-worker');
const COUNT = 'example.words.v1.WordsService/Count';
const SPELL = 'example.words.v1.WordsService/Spell';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const lacks = await pythonLacks();

describe.skipIf(lacks !== undefined)(`a worker in Python${lacks ? ` (skipped: ${lacks})` : ''}`, () => {
  let stack: Stack;
  let out: string;
  const started: Program[] = [];
  const descriptors = () => join(out, 'words.binpb');

  beforeAll(async () => {
    stack = await Stack.create();
    out = join(stack.dir, 'python');
    mkdirSync(out);
    const roots = ['proto', 'third_party/proto', 'examples/python-worker/proto'].map((each) => `-I${join(ROOT, each)}`);
    const protos = ['worker', 'common', 'manifest', 'run'].map((name) => `bowline/${name}/v1/${name}.proto`);
    const all = [
      ...protos,
      'bowline/policy/v1/options.proto',
      'buf/validate/validate.proto',
      'example/words/v1/words.proto',
    ];
    protoc(...roots, `--python_out=${out}`, `--grpc_python_out=${out}`, ...all);
    protoc(
      `-I${join(EXAMPLE, 'proto')}`,
      '--include_imports',
      `--descriptor_set_out=${descriptors()}`,
      'example/words/v1/words.proto',
    );
    await stack.control();
  });
  afterAll(async () => {
    await Promise.all(started.map((program) => program.kill()));
    await stack?.close();
  });

  const protoc = (...words: string[]) => execFileSync(PYTHON, ['-m', 'grpc_tools.protoc', ...words], { stdio: 'pipe' });

  const cli = async (...words: string[]) => {
    const end = await stack.cli(words);
    expect(end.code, end.stderr).toBe(0);
    return end.stdout.trim();
  };

  async function key(name: string): Promise<string> {
    const file = join(out, `${name}.key`);
    writeFileSync(file, await cli('workers', 'create-key', name, '--package', 'example.words.v1'));
    chmodSync(file, 0o600);
    return file;
  }

  function worker(name: string, keyFile: string, set = descriptors(), ...more: string[]): Program {
    const words = ['--control', stack.url, '--key-file', keyFile, '--descriptors', set, '--name', name, ...more];
    const env = { PATH: process.env.PATH ?? '', PYTHONPATH: out, PYTHONUNBUFFERED: '1' };
    const program = new Program(name, [PYTHON, join(EXAMPLE, 'worker.py'), ...words], { cwd: out, env });
    started.push(program);
    return program;
  }

  /** Calls by reflection; resolves with what it printed. */
  function curl(method: string, request: object): Promise<{ code: number; stdout: string; stderr: string }> {
    const head = ['-H', `authorization: Bearer ${stack.ownerKey}`, '--reflect-header', '*'];
    const words = ['curl', '--http2-prior-knowledge', '--protocol', 'grpc', ...head];
    return new Promise((resolve) => {
      execFile(
        BUF,
        [...words, '-d', JSON.stringify(request), `${stack.url}/${method}`],
        { cwd: ROOT, timeout: 50_000 },
        (error, stdout, stderr) => resolve({ code: error ? Number(error.code) || 1 : 0, stdout, stderr }),
      );
    });
  }

  const connected = (name: string) =>
    eventually(async () =>
      JSON.parse(await cli('workers', 'ls', '--json')).some((each: { name: string }) => each.name === name),
    );

  test('before its owner added it nobody knows it, and no key can be made for it', async () => {
    const refused = await stack.cli(['workers', 'create-key', 'words', '--package', 'example.words.v1']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('no worker can serve "example.words.v1"');
    expect((await curl(COUNT, { text: 'a' })).code).not.toBe(0);
  });

  test('a file that is no contract, or one of a reserved package, is refused with what to do', async () => {
    const wrong = join(out, 'wrong.binpb');
    writeFileSync(wrong, 'not a descriptor set');
    expect((await stack.cli(['plugins', 'add', wrong])).stderr).toContain('buf build --as-file-descriptor-set');
    const own = join(out, 'own.binpb');
    execFileSync(BUF, ['build', 'proto', '--as-file-descriptor-set', '-o', own], { cwd: ROOT });
    expect((await stack.cli(['plugins', 'add', own])).stderr).toContain('holds no service outside of bowline');
  });

  test('it is added, served, called with buf curl through the mesh, and recorded as a run', async () => {
    expect(await cli('plugins', 'add', descriptors(), '--effect', 'none', '--idempotent')).toContain('Count, Spell');
    const program = worker('python-1', await key('words'));
    await program.until(/^ready$/m);
    await connected('python-1');
    const { code, stdout, stderr } = await curl(COUNT, { text: '是 不是 是 to be or not to be', limit: 2 });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      words: [
        { word: '是', count: 2 },
        { word: 'to', count: 2 },
      ],
      worker: 'python-1',
    });
    const streamed = await curl(SPELL, { text: '一 two 三' });
    expect(streamed.stdout.match(/"word": "[^"]*"/g)).toEqual(['"word": "一"', '"word": "two"', '"word": "三"']);
    const [run] = JSON.parse(await cli('runs', 'ls', '--json'));
    const shown = JSON.parse(await cli('runs', 'show', run.id, '--json'));
    expect(shown.jobs).toMatchObject([{ method: SPELL, target: 'worker python-1 (none)', state: 'done' }]);
    const service = JSON.parse(await cli('plugins', 'ls', '--json'));
    expect(service).toMatchObject([{ package: 'example.words.v1', effect: 'none', idempotent: true }]);
  });

  test('killed in mid-job it loses nothing: another one does the job, and says what is to be said once', async () => {
    const first = worker('python-2', join(out, 'words.key'));
    await first.until(/^ready$/m);
    const long = curl(SPELL, { text: 'eins zwei drei', pauseMs: 700 });
    await eventually(async () => {
      const { stdout } = await stack.cli(['runs', 'ls', '--json', '-n', '1']);
      return JSON.parse(stdout)[0]?.state === 'running';
    });
    const { stdout } = await long;
    expect(stdout.match(/"word": "[^"]*"/g)).toEqual(['"word": "eins"', '"word": "zwei"', '"word": "drei"']);
    // An idempotent method whose worker dies before it said anything is simply done by the next one.
    const quiet = curl(SPELL, { text: 'vier', pauseMs: 3_000 });
    const [run] = await eventually(async () => {
      const runs = JSON.parse((await stack.cli(['runs', 'ls', '--json', '-n', '1'])).stdout);
      return runs[0]?.state === 'running' && runs;
    });
    const shown = await eventually(async () => {
      const { jobs } = JSON.parse((await stack.cli(['runs', 'show', run.id, '--json'])).stdout);
      return jobs;
    });
    expect(shown).toHaveLength(1);
    await first.kill();
    expect((await quiet).stdout).toContain('"word": "vier"');
  });

  test('asked to stop it finishes what it has, takes nothing new and ends with 0', async () => {
    const program = worker('python-3', join(out, 'words.key'));
    await program.until(/^ready$/m);
    expect(await program.stop()).toEqual({ code: 0, signal: undefined });
  });

  test('a worker that was built from another contract, or whose key is for something else, is refused for good', async () => {
    const other = join(out, 'other.binpb');
    writeFileSync(other, Buffer.concat([readFileSync(descriptors()), readFileSync(descriptors())]));
    const stranger = worker('stranger', join(out, 'words.key'), other);
    expect((await stranger.ended).code).toBe(1);
    expect(stranger.stderr).toContain('its contract is another one than its owner added');
    const file = join(out, 'llm.key');
    writeFileSync(file, await cli('workers', 'create-key', 'llm', '--package', 'llm'), { mode: 0o600 });
    const foreign = worker('foreign', file);
    expect((await foreign.ended).code).toBe(1);
    expect(foreign.stderr).toContain('PERMISSION_DENIED');
  });

  test('removed it is unknown again', async () => {
    expect(await stack.cli(['plugins', 'rm', 'example.words.v1'])).toMatchObject({
      code: 0,
      stderr: 'removed example.words.v1\n',
    });
    expect(JSON.parse(await cli('plugins', 'ls', '--json'))).toEqual([]);
    expect((await curl(COUNT, { text: 'a' })).code).not.toBe(0);
  });
});
