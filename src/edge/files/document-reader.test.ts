import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { whyNotIsolated } from '../../../test/support/bubblewrap.ts';
import { makeEpub } from '../../../test/support/make-documents.ts';
import { makePdf } from '../../../test/support/make-pdf.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { systemClock } from '../../base/clock.ts';
import { ChildDocumentReader, type ReaderOptions } from './document-reader.ts';

vi.setConfig({ testTimeout: 90_000 });

const why = await whyNotIsolated();
const PROGRAM = join(import.meta.dirname, '../../main/reader-program.ts');
const never = new AbortController().signal;
const PDF = makePdf(['The launch is in May.']);
/** Some KB that say nothing, at length: to read it takes many seconds. */
const CHAPTERS = Array.from({ length: 150 }, (_, at) => `c${at}.xhtml`);
const EMPTY_CHAPTER = Buffer.from('<p><b></b></p>'.repeat(20_000));
const SLOW = zipSync({
  mimetype: [Buffer.from('application/epub+zip'), { level: 0 }],
  'META-INF/container.xml': Buffer.from('<rootfile full-path="a.opf"/>'),
  'a.opf': Buffer.from(
    CHAPTERS.map((name) => `<item id="${name}" href="${name}"/><itemref idref="${name}"/>`).join(''),
  ),
  ...Object.fromEntries(CHAPTERS.map((name) => [name, EMPTY_CHAPTER])),
});

const open: ChildDocumentReader[] = [];
afterEach(() => {
  for (const reader of open.splice(0)) reader.close();
});
function readerWith(settings: object, more: Partial<ReaderOptions> = {}): ChildDocumentReader {
  const all = { isolation: 'bubblewrap', memoryBytes: 512 << 20, documentMs: 20_000, ...settings } as const;
  const reader = new ChildDocumentReader({
    argv: [process.execPath, PROGRAM],
    settings: all,
    clock: systemClock,
    ...more,
  });
  open.push(reader);
  return reader;
}
const textOf = async (reader: ChildDocumentReader, bytes: Uint8Array) =>
  Buffer.from((await reader.read(bytes, '', never)).text).toString();

test.skipIf(why)('a document that takes too long is ended and named, and the next one is read', async () => {
  const reader = readerWith({ documentMs: 1_000 });
  await expect(reader.read(SLOW, '', never)).rejects.toMatchObject({
    reason: 'DOCUMENT_TOO_COSTLY',
    message: expect.stringMatching(/longer than 1000 ms \(limits\.document_seconds in config\.yaml\)/),
  });
  expect(await textOf(reader, PDF)).toBe('The launch is in May.');
});

test.skipIf(why)('a document that takes too much memory is ended and named, and the next one is read', async () => {
  const reader = readerWith({ memoryBytes: 128 << 20, documentMs: 60_000 });
  await expect(reader.read(SLOW, '', never)).rejects.toMatchObject({ reason: 'DOCUMENT_TOO_COSTLY' });
  expect(await textOf(reader, PDF)).toBe('The launch is in May.');
});

test.skipIf(why)('a call that is cancelled ends the reader; what waits behind it is read', async () => {
  const reader = readerWith({});
  expect(await textOf(reader, PDF)).toBe('The launch is in May.');
  const stop = new AbortController();
  const slow = reader.read(SLOW, '', stop.signal);
  const next = textOf(reader, makeEpub(['<p>next</p>']));
  stop.abort(new Error('cancelled'));
  await expect(slow).rejects.toThrow('cancelled');
  expect(await next).toBe('next');
});

test('a reader without a document is ended, and the next document gets a new one', async () => {
  const clock = new ManualClock();
  let started = 0;
  // Answers anything with its own process id.
  const script = `process.stdin.on('data', () => { const json = Buffer.from('{"pageLines":[]}'); const text = Buffer.from(String(process.pid)); const head = Buffer.alloc(8); head.writeUInt32LE(json.length, 0); head.writeUInt32LE(text.length, 4); process.stdout.write(Buffer.concat([head, json, text])); })`;
  const argv = [process.execPath, '-e', script] as const;
  const reader = readerWith({}, { clock, argv });
  const first = await textOf(reader, PDF);
  expect(await textOf(reader, PDF)).toBe(first);
  clock.advance(15_000);
  await vi.waitFor(() => expect(() => process.kill(Number(first), 0)).toThrow(), { timeout: 10_000 });
  started++;
  expect(await textOf(reader, PDF)).not.toBe(first);
  expect(started).toBe(1);
});

test('a program that answers nonsense, or ends, costs its document only', async () => {
  const argv = [
    process.execPath,
    '-e',
    "process.stdin.once('data', () => { process.stdout.write('x'.repeat(100)); process.exit(1); })",
  ] as const;
  const reader = readerWith({}, { argv });
  for (let time = 0; time < 2; time++)
    await expect(reader.read(PDF, '', never)).rejects.toMatchObject({ reason: 'DOCUMENT_READER_ENDED' });
});

test('a reader that is killed while it reads is started again, once, and the document is read', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'reader-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  // Each start leaves its process id; the first says nothing, the second answers as above.
  const script = `const fs = require('fs'); process.stdin.once('data', () => { const first = fs.readdirSync('.').length === 0; fs.writeFileSync(String(process.pid), ''); if (first) return; const json = Buffer.from('{"pageLines":[]}'); const head = Buffer.alloc(8); head.writeUInt32LE(json.length, 0); head.writeUInt32LE(4, 4); process.stdout.write(Buffer.concat([head, json, Buffer.from('text')])); })`;
  const argv = [process.execPath, '-e', `process.chdir(${JSON.stringify(dir)}); ${script}`] as const;
  const reader = readerWith({}, { argv });
  const read = textOf(reader, PDF);
  await vi.waitFor(() => expect(readdirSync(dir)).toHaveLength(1), { timeout: 20_000 });
  process.kill(Number(readdirSync(dir)[0]), 'SIGKILL');
  expect(await read).toBe('text');
  expect(readdirSync(dir)).toHaveLength(2);
});

test('a reader that does not answer in time is told as that, and not tried again', async () => {
  const clock = new ManualClock();
  const reader = readerWith({}, { clock, argv: [process.execPath, '-e', 'process.stdin.resume()'] });
  const read = reader.read(PDF, '', never);
  const refused = vi.fn();
  read.catch(refused);
  await vi.waitFor(() => {
    clock.advance(50_000);
    expect(refused).toHaveBeenCalled();
  });
  await expect(read).rejects.toMatchObject({
    reason: 'DOCUMENT_TOO_COSTLY',
    message: expect.stringMatching(/did not answer within 50000 ms \(limits\.document_seconds in config\.yaml\)/),
  });
});

test('where bubblewrap is not there, it is said how to get it and what to set instead; and that works', async () => {
  const nowhere = { bubblewrap: '/nonexistent/bwrap' };
  await expect(readerWith(nowhere).read(PDF, '', never)).rejects.toMatchObject({
    reason: 'PARSER_UNAVAILABLE',
    message: expect.stringMatching(/apt-get install bubblewrap.*`document_isolation: process` in config\.yaml/s),
  });
  expect(await textOf(readerWith({ ...nowhere, isolation: 'process' }), PDF)).toBe('The launch is in May.');
});
