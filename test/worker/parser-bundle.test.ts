// What `make build` makes of the process that reads documents: all its code is in its three files, and nothing else is read.
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type FramedMessage, FramedReader } from '../../src/base/framed-messages.ts';
import type { DocumentInput } from '../../src/worker/documents/document.ts';
import { encodeInput, toResult } from '../../src/worker/documents/messages.ts';
import { BUNDLE } from '../../src/worker/documents/parser-link.ts';
import type { ReadResult } from '../../src/worker/documents/read-document.ts';
import { makeDocx, paragraph } from '../support/make-docx.ts';
import { makePage } from '../support/make-pdf.ts';

const folder = mkdtempSync(join(tmpdir(), 'bowline-parser-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each in turn, in one process that may read its own three files. */
async function readAll(inputs: readonly Partial<DocumentInput>[]): Promise<(ReadResult | undefined)[]> {
  for (const name of BUNDLE) copyFileSync(new URL(`../../dist/${name}`, import.meta.url), join(folder, name));
  const flags = [
    '--permission',
    `--allow-fs-read=${folder}`,
    '--disallow-code-generation-from-strings',
    '--no-warnings',
  ];
  const child = spawn(process.execPath, [...flags, join(folder, BUNDLE[0])], {
    env: {},
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const rest = { mediaType: '', readable: true, maxChars: 10_000, bytes: new Uint8Array() };
  for (const input of inputs) child.stdin.write(encodeInput({ ...rest, ...input }));
  child.stdin.end();
  const reader = new FramedReader(1 << 20);
  const messages: FramedMessage[] = [];
  for await (const piece of child.stdout) messages.push(...(reader.add(piece as Buffer) ?? []));
  return messages.slice(1).map(toResult);
}

test('the bundle of the parser reads HTML, PDF and DOCX from its three files alone', async () => {
  const results = await readAll([
    { bytes: Buffer.from('<p>of <b>HTML</b>'), mediaType: 'text/html' },
    { bytes: makePage('BT /F1 12 Tf 72 700 Td (of PDF) Tj ET') },
    { bytes: makeDocx(paragraph('of DOCX')) },
  ]);
  const texts = results.map((result) => (result && 'document' in result ? result.document.text : result));
  expect(texts).toEqual(['of **HTML**', 'of PDF', 'of DOCX']);
});

test('V8 keeps the bundle as one byte a letter, and what reads PDF is not in its first file', () => {
  const [first, ...others] = BUNDLE.map((name) =>
    readFileSync(new URL(`../../dist/${name}`, import.meta.url), 'latin1'),
  );
  for (const text of [first!, ...others]) expect(/[\u0080-\u00ff]/.test(text)).toBe(false);
  expect(first!.length).toBeLessThan(Math.min(1 << 20, others[0]!.length / 4));
});
