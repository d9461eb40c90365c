import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import type { SqlJsStatic } from 'sql.js';
import { beforeAll, expect, test } from 'vitest';
import { RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { type Logger, silentLogger } from '../../base/logger.ts';
import { type EdgeJournal, openEdgeJournal } from '../journal/edge-journal.ts';
import type { RecordInit } from '../journal/records.ts';
import { type OpenIndexOptions, openIndex } from './open-index.ts';
import { loadSqlJs } from './sql-js.ts';
import type { SqliteIndex } from './sqlite-index.ts';

const PATH = '/home/state.db';
const NOW = new ManualClock().now();
let sql: SqlJsStatic;

beforeAll(async () => {
  sql = await loadSqlJs(readFileSync(createRequire(import.meta.url).resolve('sql.js/dist/sql-wasm.wasm')));
});

const journalOn = (fs: MemoryFs): Promise<EdgeJournal> =>
  openEdgeJournal('/j', {
    clock: new ManualClock(),
    log: silentLogger,
    onFatal: () => {},
    fs,
    segmentBytes: 4000,
    stepBytes: 1024,
  });
const indexOn = (fs: MemoryFs, journal: EdgeJournal, more: Partial<OpenIndexOptions> = {}): Promise<SqliteIndex> =>
  openIndex({ sql, path: PATH, journal, clock: new ManualClock(), log: silentLogger, fs, ...more });

/** A logger that remembers its lines. */
function listen(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  return { lines, log: { ...silentLogger, info: note, warn: note, error: note } };
}

const ask = (run: string, grants: string[] = []): RecordInit => ({
  case: 'ask',
  value: {
    requestId: `request ${run}`,
    ask: { run, conversation: 'c1', text: `what about ${run}? ${'x'.repeat(300)}` },
    grants: grants.map((id) => ({
      id,
      run,
      files: [{ path: 'docs/a.md' }],
      recipients: ['local'],
      capBytes: 100n,
      expireTime: timestampFromMs(NOW + 1000),
    })),
    egress: [{ field: 'ask.text', bytes: 9n, grant: 'ask', run, recipients: ['rules'] }],
  },
});
const answered = (run: string): RecordInit => ({
  case: 'runAnswered',
  value: { run, outcome: { state: RunState.ANSWERED, answer: `answer of ${run}` } },
});
const intent = (key: string): RecordInit => ({
  case: 'intent',
  value: {
    idempotencyKey: key,
    job: key,
    run: key.split('/')[0]!,
    method: 'm',
    paramsSha256: Uint8Array.of(1, 2),
    bootId: 'b',
  },
});
const outcome = (key: string, bytes = 5n): RecordInit => ({
  case: 'toolOutcome',
  value: {
    idempotencyKey: key,
    job: key,
    run: key.split('/')[0]!,
    method: 'm',
    paramsSha256: Uint8Array.of(1, 2),
    result: { idempotencyKey: key, answer: { case: 'done', value: {} } },
    egress: [
      {
        path: 'docs/a.md',
        field: 'text',
        bytes,
        grant: 'g1',
        run: key.split('/')[0]!,
        job: key,
        recipients: ['rules', 'x'],
      },
      { path: 'docs/a.md', field: 'summary', bytes: 1n, run: key.split('/')[0]!, job: key },
    ],
  },
});

/** Everything that can be asked of these runs, for comparing two indexes. */
function everything(index: SqliteIndex, ...runs: string[]) {
  return {
    runs: runs.map((run) => [index.run(run), index.runOfRequest(`request ${run}`)]),
    ledger: index.ledger({ limit: 10_000 }),
  };
}

/** Which of these runs an index knows. */
const known = (index: SqliteIndex, ...runs: string[]) => runs.filter((run) => index.run(run) !== undefined);

test('runs and ledger can be asked for as soon as they are synced', async () => {
  const fs = new MemoryFs();
  const journal = await journalOn(fs);
  const index = await indexOn(fs, journal);
  await journal.append([ask('r1', ['g1'])]);
  await journal.append([intent('r1/0/0')]);
  await journal.append([outcome('r1/0/0')]);
  await journal.append([{ case: 'askOutcome', value: { sequence: 1n } }]);
  expect(index.run('r1')).toEqual({ run: 'r1', conversation: 'c1', sequence: 1, endedIn: null });
  await journal.append([answered('r1')]);
  expect(index.runOfRequest('request r1')).toEqual({ run: 'r1', conversation: 'c1', sequence: 1, endedIn: 5 });
  expect(index.runOfRequest('request r2')).toBeUndefined();
  expect(index.runOfRequest('')).toBeUndefined();
  const lines = index.ledger({ limit: 2 });
  expect(lines.map(({ egress }) => [egress.field, egress.bytes, egress.recipients])).toEqual([
    ['summary', 1n, []],
    ['text', 5n, ['rules', 'x']],
  ]);
  expect(index.ledger({ limit: 9, run: 'r1', before: lines.at(-1)! }).map(({ egress }) => egress.grant)).toEqual([
    'ask',
  ]);
  expect(index.ledger({ limit: 9, run: 'other' })).toEqual([]);
});

test('a run that was withdrawn leaves its request to the next one', async () => {
  const fs = new MemoryFs();
  const journal = await journalOn(fs);
  const index = await indexOn(fs, journal);
  await journal.append([ask('r1')]);
  await journal.append([{ case: 'runAnswered', value: { run: 'r1', withdrawn: true } }]);
  expect(index.runOfRequest('request r1')).toBeUndefined();
  const again = ask('r2').value;
  await journal.append([{ case: 'ask', value: { ...again, requestId: 'request r1' } } as RecordInit]);
  expect(index.runOfRequest('request r1')?.run).toBe('r2');
  expect(index.run('r1')).toMatchObject({ endedIn: 2 });
});

test('an index from its snapshot is the same as one rebuilt, and reads only what came later', async () => {
  const fs = new MemoryFs();
  const journal = await journalOn(fs);
  const index = await indexOn(fs, journal);
  for (let i = 0; i < 5; i++) await journal.append([ask(`r${i}`), intent(`r${i}/0/0`)]);
  await index.snapshot();
  for (let i = 0; i < 5; i++) await journal.append([outcome(`r${i}/0/0`), answered(`r${i}`)]);
  const runs = ['r0', 'r1', 'r2', 'r3', 'r4'];
  const same = everything(index, ...runs);
  expect(same.runs.flat().map((run) => run?.endedIn)).not.toContain(null);
  const again = fs.kill();
  const { log, lines } = listen();
  const reopened = await journalOn(again);
  const restored = await indexOn(again, reopened, { log });
  expect(lines).toEqual([]);
  expect(everything(restored, ...runs)).toEqual(same);
  await again.unlink(PATH);
  expect(everything(await indexOn(again, reopened), ...runs)).toEqual(same);
});

test('a snapshot of another journal, another head, another version or with damage is not used', async () => {
  const fs = new MemoryFs();
  const journal = await journalOn(fs);
  const index = await indexOn(fs, journal);
  await journal.append([ask('true')]);
  await index.snapshot();
  const bytes = Buffer.from(fs.bytes(PATH));

  const other = new MemoryFs();
  const stranger = await journalOn(other);
  await stranger.append([ask('other')]);
  const put = async (target: MemoryFs, content: Uint8Array) => {
    const file = await target.open(PATH, 'create');
    await file.write(content, 0);
  };
  const variants: [MemoryFs, EdgeJournal, Uint8Array][] = [[other, stranger, bytes]];
  // A journal that lost its end has another head than the snapshot.
  const shorter = new MemoryFs();
  variants.push([shorter, await journalOn(shorter), bytes]);
  const newer = Buffer.from(bytes);
  newer.writeUInt32BE(99, 60); // user_version in the SQLite header
  const cut = bytes.subarray(0, bytes.length / 2);
  for (const content of [newer, cut, Buffer.from('no database at all'), Buffer.alloc(9 << 20)])
    variants.push([fs, journal, content]);
  for (const [target, itsJournal, content] of variants) {
    await put(target, content);
    const { log, lines } = listen();
    const rebuilt = await indexOn(target, itsJournal, { log });
    if (content.length < 4 << 20) expect(lines).toEqual(['the index does not fit the journal and is rebuilt']);
    expect(known(rebuilt, 'true', 'other')).toEqual(
      itsJournal === journal ? ['true'] : itsJournal === stranger ? ['other'] : [],
    );
  }
});

test('a crash while the snapshot is written leaves the old one, the new one, or none that is used', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(12), fc.infiniteStream(fc.boolean()), async (at, keep) => {
      let fs = new MemoryFs();
      const first = await journalOn(fs);
      const old = await indexOn(fs, first);
      await first.append([ask('one')]);
      await old.snapshot();
      await first.append([ask('two')]);
      await first.close();
      let start = Number.POSITIVE_INFINITY;
      fs = fs.kill({ fault: (_operation, count) => (count === start + at ? 'crash' : undefined) });
      const journal = await journalOn(fs);
      const index = await indexOn(fs, journal);
      await journal.append([ask('three')]);
      start = fs.count;
      await index.snapshot();
      const after = fs.crash(() => keep.next().value!);
      const reopened = await journalOn(after);
      expect(known(await indexOn(after, reopened), 'one', 'two', 'three')).toEqual(['one', 'two', 'three']);
    }),
    { numRuns: 60 },
  );
});

test('a disk that is full costs the snapshot only', async () => {
  const options: { capacity?: number } = {};
  const fs = new MemoryFs(options);
  const journal = await journalOn(fs);
  const { log, lines } = listen();
  const index = await indexOn(fs, journal, { log });
  await journal.append([ask('one')]);
  options.capacity = 0;
  await index.snapshot();
  expect(lines).toEqual(['no snapshot of the index']);
  expect(fs.paths()).not.toContain(`${PATH}.tmp`);
  expect(known(index, 'one')).toEqual(['one']);
});

test('snapshots are rare: after many records, or when the edge is idle', async () => {
  const fs = new MemoryFs();
  const journal = await journalOn(fs);
  const clock = new ManualClock();
  const index = await indexOn(fs, journal, { clock, everyRecords: 20, idleRecords: 3, idleMs: 1000 });
  const written = () => fs.paths().includes(PATH);
  await journal.append([ask('a')]);
  clock.advance(1000);
  expect(written()).toBe(false);
  await journal.append([ask('b'), ask('c')]);
  clock.advance(1000);
  await index.snapshot();
  expect(written()).toBe(true);
  await fs.unlink(PATH);
  for (let i = 0; i < 20; i++) await journal.append([ask(`d${i}`)]);
  await index.close();
  expect(written()).toBe(true);
  await journal.append([ask('after close')]);
});

test('an index over its limit drops the oldest rows, says so, and keeps what is open', async () => {
  const fs = new MemoryFs();
  const journal = await journalOn(fs);
  const { log, lines } = listen();
  const index = await indexOn(fs, journal, { log, maxBytes: 192 << 10 });
  await journal.append([ask('open')]);
  for (let i = 0; i < 40; i++) await journal.append([ask(`ended${i}`), answered(`ended${i}`)]);
  for (let i = 0; i < 60; i++) await journal.append(Array.from({ length: 40 }, (_, j) => outcome(`r${i}/${j}/0`)));
  await index.snapshot();
  expect(lines).toContain(
    'the index is at its limit; its oldest rows went (the journal and the archive of the ledger have them)',
  );
  expect(fs.bytes(PATH).length).toBeLessThanOrEqual(192 << 10);
  expect(known(index, 'open', 'ended0', 'ended39')).toEqual(['open', 'ended39']);
  expect(index.ledger({ limit: 1 })[0]!.egress.job).toBe('r59/39/0');
});

test('after pruning a rebuilt index still knows open asks', async () => {
  const fs = new MemoryFs();
  const journal = await journalOn(fs);
  await journal.append([ask('open'), intent('open/0/0')]);
  await journal.append([ask('done')]);
  await journal.append([answered('done')]);
  for (let i = 0; i < 30; i++)
    await journal.append([{ case: 'ledger', value: { entries: [{ path: 'p'.repeat(900) }] } }]);
  expect(await journal.prune(2000)).toBeGreaterThan(0);
  expect(journal.firstSequence).toBeGreaterThan(1);
  const index = await indexOn(fs, journal);
  expect(index.run('open')).toEqual({ run: 'open', conversation: 'c1', sequence: 1, endedIn: null });
});
