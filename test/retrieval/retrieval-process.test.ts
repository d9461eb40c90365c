// Retrieval as a process lives with it: killed, locked, without pgvector, bundled, and opened only when it is needed.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { IngestRequestSchema, SearchRequestSchema } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { besideEntry } from '../../src/base/beside-entry.ts';
import { systemClock } from '../../src/base/clock.ts';
import { AppError } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { openEmbed } from '../../src/worker/handlers/embed/open-embed.ts';
import { openRetrieval } from '../../src/worker/handlers/retrieval/open-retrieval.ts';
import { Cutter } from '../../src/worker/handlers/retrieval/passages/cutter.ts';
import { RETRIEVAL_DEFAULTS } from '../../src/worker/handlers/retrieval/retrieval-settings.ts';
import { openPassageDatabase } from '../../src/worker/handlers/retrieval/store/open-database.ts';
import { loneContext } from '../../src/worker/kit/lone-context.ts';
import { workerSettings } from '../../src/worker/program/config.ts';
import { startPostgres } from '../support/postgres.ts';
import { RetrievalRig } from '../support/retrieval-rig.ts';

const LONG_MS = 60_000;
const root = join(import.meta.dirname, '../..');
const closers: (() => Promise<unknown>)[] = [];
let template: string;
let folder: string;

// Making a database takes seconds; copying one does not.
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), 'bowline-test-retrieval-'));
  await (await openPassageDatabase(template, RETRIEVAL_DEFAULTS, silentLogger)).close();
}, LONG_MS);

afterAll(() => rm(template, { recursive: true, force: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-test-retrieval-'));
  await mkdir(join(folder, 'retrieval'));
  await cp(join(template, 'data'), join(folder, 'retrieval/data'), { recursive: true });
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

/** Starts an ingest in a process of its own; resolves when it has said `word`. */
async function ingesting(text: string, word: string, mode = ''): Promise<ChildProcess> {
  const script = join(root, 'test/support/ingest-until-killed.ts');
  const child = spawn(process.execPath, [script, join(folder, 'retrieval'), text, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(async () => child.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the ingesting process ended')));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line === word) resolve();
    });
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await gone;
}

const edition = (name: string) =>
  Array.from({ length: 8 }, (_, n) => `${name} edition, paragraph ${n}. ${'It goes on. '.repeat(9)}`).join('\n\n');

test('a worker that dies between embedding and commit leaves the old document, and nothing of the new one', {
  timeout: LONG_MS,
}, async () => {
  await kill(await ingesting(edition('first'), 'done'));
  await kill(await ingesting(edition('second'), 'embedded', 'hold'));
  // While it writes, too: whichever it was, it is whole.
  await kill(await ingesting(edition('third'), 'embedded'));
  const database = await openPassageDatabase(join(folder, 'retrieval'), RETRIEVAL_DEFAULTS, silentLogger);
  closers.push(() => database.close());
  const rig = new RetrievalRig(async () => database, { settings: { passageTokens: 40 } });
  closers.push(() => rig.close());
  const found = await rig.find('t', 'edition paragraph', { pageSize: 50 });
  expect(found).toHaveLength(8);
  const editions = new Set(found.map(({ text }) => text.split(' ')[0]));
  expect(editions.size).toBe(1);
  expect(['first', 'third']).toContain([...editions][0]);
  const vectors = await database.within('t', 'look', ({ trx }) =>
    trx.selectFrom('embedding').select('hash').where('tenant', '=', 't').execute(),
  );
  expect(vectors).toHaveLength(8);
  expect((await rig.ingest('t', 'c', { d: edition('last') }))[0]).toMatchObject({ passages: 8, embedded: 8 });
});

const parts = (url?: string) => ({
  home: folder,
  env: {},
  settings: workerSettings(url === undefined ? {} : { BOWLINE_RETRIEVAL_DATABASE_URL: url }),
  clock: systemClock,
  log: silentLogger,
});

test('the embedded database is opened by the first call, not before', { timeout: LONG_MS }, async () => {
  await rm(join(folder, 'retrieval'), { recursive: true });
  const capability = await openRetrieval(parts());
  closers.push(() => capability.close!());
  expect(existsSync(join(folder, 'retrieval'))).toBe(false);
  const list = () =>
    capability.handler.methods.ListCollections!({ pageSize: 0, pageToken: '' } as never, loneContext({ tenant: 't' }));
  await expect(list()).resolves.toMatchObject({ collections: [] });
  expect(existsSync(join(folder, 'retrieval'))).toBe(true);
  await expect(openPassageDatabase(join(folder, 'retrieval'), RETRIEVAL_DEFAULTS, silentLogger)).rejects.toMatchObject({
    reason: 'HOME_LOCKED',
    metadata: { program: 'retrieval' },
  });
  await capability.close!();
  closers.pop();
  await expect(list()).rejects.toMatchObject({ reason: 'CLOSED' });
});

test('documents are put away and found again by the whole capability, with the built-in vectors', {
  timeout: LONG_MS,
}, async () => {
  const { handler, close } = await openRetrieval(parts(), () =>
    Promise.reject(new AppError('DOCUMENT_UNREADABLE', { problem: 'no parser' })),
  );
  closers.push(() => close!());
  const { handler: embed } = await openEmbed(parts());
  const context = loneContext({
    tenant: 't',
    call: (async (_: unknown, request: never) => [await embed.methods.Embed!(request, loneContext())]) as never,
  });
  const text = [
    '# Manual',
    '',
    'First words.',
    '',
    '## 备份',
    '',
    '数据库每天凌晨三点自动备份。',
    '',
    '## Doors',
    '',
    'The back door opens inwards.',
    '',
  ];
  const documents = [
    { id: 'manual.md', body: { case: 'text' as const, value: text.join('\n') } },
    { id: 'page.html', body: { case: 'text' as const, value: '<p>unread</p>' } },
  ];
  const ingested = await handler.methods.Ingest!(
    create(IngestRequestSchema, { collection: 'house', documents }),
    context,
  );
  expect(ingested).toMatchObject({
    documents: [
      { id: 'manual.md', passages: 1 },
      { id: 'page.html', reason: 'DOCUMENT_UNREADABLE' },
    ],
  });
  for (const query of ['什么时候备份？', 'which way does the door open?']) {
    const found = await handler.methods.Search!(create(SearchRequestSchema, { query, pageSize: 1 }), context);
    expect(found).toMatchObject({
      lexical: true,
      passages: [{ document: 'manual.md', title: 'Manual', startLine: 1, endLine: 11, text: text.join('\n').trim() }],
    });
  }
});

test('a Postgres without pgvector is refused when the capability opens, with who must do what', {
  timeout: LONG_MS,
}, async () => {
  const postgres = await startPostgres();
  closers.push(() => postgres.stop());
  await expect(openRetrieval(parts(postgres.url))).rejects.toMatchObject({
    reason: 'RETRIEVAL_UNAVAILABLE',
    retryable: false,
    message: expect.stringMatching(/whoever runs it must install it .* create extension vector/),
  });
  for (const wrong of [postgres.url.replace(':test@', ':wrong@'), `${postgres.url}x`, 'postgres://[nonsense']) {
    await expect(openRetrieval(parts(wrong))).rejects.toMatchObject({ reason: 'RETRIEVAL_UNAVAILABLE' });
  }
});

test('a Postgres that does not answer yet is tried again by each call', { timeout: LONG_MS }, async () => {
  const capability = await openRetrieval(parts('postgres://nobody@127.0.0.1:1/none'));
  closers.push(() => capability.close!());
  const list = () =>
    capability.handler.methods.ListCollections!({ pageSize: 0, pageToken: '' } as never, loneContext({ tenant: 't' }));
  for (let n = 0; n < 2; n++)
    await expect(list()).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE', retryable: true });
});

test('cutting that takes too long or is cancelled ends alone, and the next document is cut', {
  timeout: LONG_MS,
}, async () => {
  const document = (text: string) => ({ text, format: 'text' as const, title: '', lines: true, pages: [] });
  const options = { target: 40, overlap: 0, most: 1_000_000, prefix: 'c:' };
  const cutter = new Cutter({ limitMs: 1, clock: systemClock });
  closers.push(() => cutter.close());
  const huge = document('word and word. '.repeat(500_000));
  const never = new AbortController().signal;
  await expect(cutter.cut(huge, options, never)).rejects.toMatchObject({ reason: 'DOCUMENT_UNREADABLE' });
  const patient = new Cutter({ limitMs: LONG_MS, clock: systemClock });
  closers.push(() => patient.close());
  const stop = new AbortController();
  const cancelled = patient.cut(huge, options, stop.signal);
  stop.abort(new AppError('CANCELED'));
  await expect(cancelled).rejects.toMatchObject({ reason: 'CANCELED' });
  expect((await patient.cut(document('a few words'), options, never)).passages).toHaveLength(1);
});

test('run from dist/, documents are cut by the bundled thread', { timeout: LONG_MS }, async () => {
  expect(besideEntry('file:///app/dist/chunk-program.cjs', 'passage-worker').pathname).toBe(
    '/app/dist/passage-worker.mjs',
  );
  // Inside the project, so that packages resolve as they do from dist/.
  await mkdir(join(root, 'node_modules/.cache'), { recursive: true });
  const dist = await mkdtemp(join(root, 'node_modules/.cache/bowline-dist-'));
  closers.push(() => rm(dist, { recursive: true, force: true }));
  const passages = 'src/worker/handlers/retrieval/passages';
  await build({
    absWorkingDir: root,
    entryPoints: { cutter: `${passages}/cutter.ts`, 'passage-worker': `${passages}/passage-worker.ts` },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  const { Cutter: Bundled } = (await import(pathToFileURL(join(dist, 'cutter.mjs')).href)) as { Cutter: typeof Cutter };
  const cutter = new Bundled({ limitMs: LONG_MS, clock: systemClock });
  closers.push(() => cutter.close());
  const document = { text: '# Title\n\nText.', format: 'markdown' as const, title: '', lines: true, pages: [] };
  const cut = await cutter.cut(document, { target: 40, overlap: 0, most: 9, prefix: '' }, new AbortController().signal);
  expect(cut).toMatchObject({ title: 'Title', passages: [{ text: '# Title\n\nText.' }] });
});
