import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';
import { SecretFinder } from '../../files/secret-content.ts';
import { SecretMemory } from './secret-memory.ts';
import { wordsHeld } from './words-in.ts';

const TOKEN = `ghp_${'a1B2'.repeat(9)}`;
const CLEAN = `the lamp burns ${'x'.repeat(TOKEN.length)}\n`;
const SECRET = `the lamp burns ${TOKEN}\n`;

test('secrets are looked for once in the same bytes, and again in other ones, whatever the file system says of the file', async () => {
  const dir = edgeFolder({ 'docs/a.md': CLEAN });
  const rig = await edgeRig(dir);
  const path = join(dir, 'docs/a.md');
  const looks = vi.spyOn(SecretFinder.prototype, 'add');
  const handle = await open(path);
  // Of all times the same: as if the clock stood still.
  const stat = await handle.stat({ bigint: true });
  const judged = rig.parts.allow.judgeRead('docs/a.md');
  const query = {
    parts: rig.parts,
    secrets: new SecretMemory(),
    budget: { inTime: () => {} },
    call: { signal: new AbortController().signal },
  } as unknown as Parameters<typeof wordsHeld>[0];
  const words = async () => {
    looks.mockClear();
    const { found, secret } = await wordsHeld(query, { handle, stat, realPath: path, judged }, ['lamp', 'absent']);
    return { found: [...found], secret, looked: looks.mock.calls.length > 0 };
  };
  expect(await words()).toEqual({ found: ['lamp'], secret: false, looked: true });
  expect(await words()).toEqual({ found: ['lamp'], secret: false, looked: false });
  writeFileSync(path, SECRET);
  expect(await words()).toEqual({ found: ['lamp'], secret: true, looked: true });
  expect(await words()).toEqual({ found: ['lamp'], secret: true, looked: false });
  writeFileSync(path, CLEAN);
  expect(await words()).toEqual({ found: ['lamp'], secret: false, looked: true });
  await handle.close();
  looks.mockRestore();
  await rig.close();
});
