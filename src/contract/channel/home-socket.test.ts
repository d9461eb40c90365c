import { once } from 'node:events';
import { chmodSync, lchownSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dialHomeSocket, openSocketFolder } from './home-socket.ts';

let top = '';
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'bowline-test-socket-'));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

/** A socket that answers with a word, below a folder made for it. */
async function listening(folder: string, word: string) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'edge.sock');
  const open = openSocketFolder(path);
  const server = createServer((socket) => socket.end(word));
  server.listen(open.address);
  await once(server, 'listening');
  const close = () => {
    server.close();
    open.close();
  };
  return { path, close };
}

async function heard(path: string): Promise<string> {
  const socket = await dialHomeSocket(path);
  let text = '';
  for await (const piece of socket) text += String(piece);
  return text;
}

test('a socket whose path is far longer than the system takes lies where its path says, and is found there', async () => {
  const { path, close } = await listening(join(top, 'a'.repeat(120), '家'.repeat(60), 'c'.repeat(120)), 'long');
  expect(Buffer.byteLength(path)).toBeGreaterThan(400);
  expect(lstatSync(path).isSocket()).toBe(true);
  expect(await heard(path)).toBe('long');
  close();
});

test('what a folder became after it was opened is neither listened on nor dialled', async () => {
  const folder = join(top, 'home');
  const first = await listening(folder, 'mine');
  const open = openSocketFolder(first.path);
  renameSync(folder, join(top, 'was'));
  const second = await listening(folder, 'theirs');
  expect(lstatSync(open.address).ino).toBe(lstatSync(join(top, 'was/edge.sock')).ino);
  open.close();
  first.close();
  second.close();
});

test('a folder that others may write to, another file of that name, or a socket of another user is told and not used', async () => {
  const unsafe = { reason: 'SOCKET_UNSAFE' };
  const { path, close } = await listening(join(top, 'home'), 'mine');
  for (const mode of [0o770, 0o707, 0o1777]) {
    chmodSync(join(top, 'home'), mode);
    expect(() => openSocketFolder(path)).toThrow(expect.objectContaining(unsafe));
  }
  chmodSync(join(top, 'home'), 0o700);
  expect(await heard(path)).toBe('mine');
  if (process.getuid?.() === 0) {
    lchownSync(path, 65_534, 65_534);
    await expect(dialHomeSocket(path)).rejects.toMatchObject(unsafe);
  }
  close();
  rmSync(path, { force: true });
  writeFileSync(path, 'no socket');
  await expect(dialHomeSocket(path)).rejects.toMatchObject(unsafe);
});
