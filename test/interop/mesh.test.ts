// Clients that are not ours call a file of an edge through the control plane: grpc-js from the descriptors, buf with
// reflection, Python from the protos, and the two other protocols of the port.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { type Client, credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { PYTHON, pythonLacks } from '../support/python.ts';
import { ROOT, Stack } from '../support/stack.ts';

const BUF = join(ROOT, 'node_modules/.bin/buf');
const READ = 'bowline.capability.fs.v1.FsService/Read';
const CLIENT = fileURLToPath(new URL('./read_file.py', import.meta.url));
const SECRET = 'a line that stays on the box, whoever asks through the mesh';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.create({ 'notes.md': `# Notes\n\n${SECRET}\n`.repeat(4) });
  stack.write('outside/there.md', SECRET);
  await stack.control();
  await stack.edge();
});

afterAll(() => stack?.close());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
function ran(file: string, words: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const { PATH = '', HOME = '' } = process.env;
  return new Promise((resolve) => {
    const options = { cwd: ROOT, env: { PATH, HOME, ...env }, timeout: 60_000 };
    execFile(file, [...words], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

const buf = (...words: string[]) => ran(BUF, ['curl', '--http2-prior-knowledge', '--protocol', 'grpc', ...words]);
const withKey = () => ['-H', `authorization: Bearer ${stack.ownerKey}`, '--reflect-header', '*'];
const curlRead = (path: string) => buf(...withKey(), '-d', JSON.stringify({ path }), `${stack.url}/${READ}`);

test('a grpc-js client made from the descriptors reads a file of the edge', async () => {
  const set = execFileSync(BUF, ['build', '--as-file-descriptor-set', '-o', '-'], { cwd: ROOT, maxBuffer: 16 << 20 });
  // biome-ignore lint/suspicious/noExplicitAny: a package made at run time has no types
  const root = loadPackageDefinition(loadFileDescriptorSetFromBuffer(set)) as any;
  const target = stack.url.replace('http://', '');
  const client = new root.bowline.capability.fs.v1.FsService(target, credentials.createInsecure()) as Client & {
    read: (request: object, metadata: Metadata, done: (error: ServiceError | null, answer: unknown) => void) => void;
  };
  const read = (path: string, key: string) =>
    new Promise<unknown>((resolve, reject) => {
      const metadata = new Metadata();
      if (key) metadata.set('authorization', `Bearer ${key}`);
      client.read({ path }, metadata, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  try {
    const answer = await read('docs/notes.md', stack.ownerKey);
    expect(answer).toMatchObject({ file: { path: 'docs/notes.md', media_type: 'text/markdown' } });
    expect(JSON.stringify(answer)).not.toContain(SECRET);
    await expect(read('/etc/hostname', stack.ownerKey)).rejects.toMatchObject({ code: 7 });
    await expect(read('docs/notes.md', '')).rejects.toMatchObject({ code: 16 });
  } finally {
    client.close();
  }
});

test('buf curl lists the services by reflection, and only those that are public', async () => {
  const { code, stdout, stderr } = await buf(...withKey(), '--list-services', stack.url);
  expect(code, stderr).toBe(0);
  const services = stdout.trim().split('\n');
  expect(services).toEqual(
    expect.arrayContaining([
      'bowline.capability.fs.v1.FsService',
      'bowline.capability.llm.v1.LlmService',
      'bowline.capability.shell.v1.ShellService',
      'bowline.control.v1.RunService',
      'grpc.health.v1.Health',
    ]),
  );
  expect(services.filter((name) => /EdgeService|WorkerService|EnrollmentService|LocalService/.test(name))).toEqual([]);
});

test('buf curl reads a file of the edge', async () => {
  const { code, stdout, stderr } = await curlRead('docs/notes.md');
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ file: { path: 'docs/notes.md' } });
  expect(stdout).not.toContain(SECRET);
});

test('a path outside the allowlist is refused with ErrorInfo, byte for byte the same whether it exists or not', async () => {
  const there = await curlRead(join(stack.dir, 'outside/there.md'));
  const missing = await curlRead(join(stack.dir, 'outside/where.md'));
  expect(missing).toEqual(there);
  expect(there.code).not.toBe(0);
  const told = JSON.parse(there.stderr);
  expect(told).toMatchObject({ code: 'permission_denied' });
  expect(told.details).toEqual([expect.objectContaining({ type: 'google.rpc.ErrorInfo' })]);
  const info = fromBinary(ErrorInfoSchema, Buffer.from(told.details[0].value, 'base64'));
  expect(info).toMatchObject({ reason: 'PATH_NOT_ALLOWED', domain: 'bowline' });
});

test('without the owner key there is no answer, and no reflection', async () => {
  const read = await buf('--schema', ROOT, '-d', '{"path":"docs/notes.md"}', `${stack.url}/${READ}`);
  expect(read.code).not.toBe(0);
  expect(JSON.parse(read.stderr)).toMatchObject({ code: 'unauthenticated' });
  const list = await buf('--list-services', stack.url);
  expect(list.code).not.toBe(0);
  expect(list.stderr).toContain('you are not authenticated');
  expect(list.stdout).toBe('');
});

test.each([
  ['gRPC-Web', createGrpcWebTransport],
  ['Connect', createConnectTransport],
])('the same call over %s', async (_name, createTransport) => {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${stack.ownerKey}`);
    return next(request);
  };
  const transport = createTransport({ baseUrl: stack.url, httpVersion: '2', interceptors: [authorize] });
  const { file } = await createClient(FsService, transport).read({ path: 'docs/notes.md' });
  expect(file?.path).toBe('docs/notes.md');
});

/** A proto of this repository and all it imports of it, the official ones of Google's library left out. */
function withImports(name: string, seen = new Set<string>()): Set<string> {
  const file = ['proto', 'third_party/proto'].map((folder) => join(ROOT, folder, name)).find(existsSync);
  if (file === undefined || seen.has(name)) return seen;
  seen.add(name);
  for (const [, imported = ''] of readFileSync(file, 'utf8').matchAll(/^import "(.+)";$/gm))
    withImports(imported, seen);
  return seen;
}

const lacks = await pythonLacks();

test.skipIf(lacks !== undefined)(
  `a Python client generated from the protos reads a file of the edge${lacks ? ` (skipped: ${lacks})` : ''}`,
  async () => {
    const out = join(stack.dir, 'python');
    mkdirSync(out);
    const includes = ['proto', 'third_party/proto'].map((folder) => `-I${join(ROOT, folder)}`);
    // Every contract, not only the one that is called: any of them may be generated with this protoc.
    const own = readdirSync(join(ROOT, 'proto'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.proto'),
    );
    const protos = new Set(own.flatMap((name) => [...withImports(name)]));
    const outputs = [`--python_out=${out}`, `--grpc_python_out=${out}`];
    const generated = await ran(PYTHON, ['-m', 'grpc_tools.protoc', ...includes, ...outputs, ...protos]);
    expect(generated.stderr).toBe('');
    expect(generated.code).toBe(0);
    const env = { PYTHONPATH: out, OWNER_KEY: stack.ownerKey, TARGET: stack.url.replace('http://', '') };
    const read = await ran(PYTHON, [CLIENT, 'docs/notes.md'], env);
    expect(read.stderr).toBe('');
    expect(JSON.parse(read.stdout)).toMatchObject({ code: 'OK', path: 'docs/notes.md', text: '' });
    const refused = await ran(PYTHON, [CLIENT, '/etc/hostname'], env);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      code: 'PERMISSION_DENIED',
      details: expect.stringContaining('PATH_NOT_ALLOWED'),
    });
    const nobody = await ran(PYTHON, [CLIENT, 'docs/notes.md'], { ...env, OWNER_KEY: 'bwo_wrong' });
    expect(JSON.parse(nobody.stdout)).toMatchObject({ code: 'UNAUTHENTICATED' });
  },
  60_000,
);
