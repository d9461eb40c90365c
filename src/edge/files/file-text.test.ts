import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { OpenFile } from '../allowlist/open-file.ts';
import type { DocumentReader } from './document-reader.ts';
import { FileTexts } from './file-text.ts';

test('while the text of a document is taken in, others have their turn', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'file-text-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const realPath = join(dir, 'a.html');
  writeFileSync(realPath, 'x');
  const handle = await open(realPath);
  const file = { handle, realPath, stat: await handle.stat({ bigint: true }) } as OpenFile;
  const said = { text: Buffer.alloc(1 << 20, 'x'), pageLines: [] };
  const texts = new FileTexts({ read: async () => said } as unknown as DocumentReader, () => undefined);
  const bounds = { maxBytes: 100, signal: new AbortController().signal };
  const looked = await texts.look(file, bounds);
  let turns = 0;
  let ends = false;
  const turn = () => {
    turns++;
    if (!ends) setImmediate(turn);
  };
  const turnsAtPieces: number[] = [];
  setImmediate(turn);
  await texts.text(file, looked, bounds, 'exact', () => turnsAtPieces.push(turns));
  ends = true;
  await handle.close();
  expect(turnsAtPieces).toHaveLength(32);
  expect(new Set(turnsAtPieces).size).toBe(32);
});
