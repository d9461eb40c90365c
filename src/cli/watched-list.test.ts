import { expect, test } from 'vitest';
import { AppError } from '../base/errors.ts';
import type { CliIo } from './io.ts';
import { watchList } from './watched-list.ts';

/** Looks as many times as there are texts, then Ctrl-C. */
async function watched(
  texts: readonly (string | Error)[],
  {
    json,
    tty = true,
    rows = 24,
    limit = 50,
    env = {},
  }: { json?: boolean; tty?: boolean; rows?: number; limit?: number; env?: Record<string, string> },
) {
  let [out, err, looks] = ['', '', 0];
  let leave = () => {};
  const stream = (add: (text: string) => void) => ({
    write: (text: string) => {
      add(text);
      return true;
    },
    isTTY: tty,
    rows,
    columns: 80,
  });
  const io = {
    env,
    cwd: '/',
    stdin: process.stdin,
    stdout: stream((text) => {
      out += text;
    }),
    stderr: stream((text) => {
      err += text;
    }),
    onInterrupt(listener: () => void) {
      leave = listener;
      return () => {};
    },
    exit() {},
  } satisfies CliIo;
  await watchList(io, { limit, ...(json === undefined ? {} : { json }) }, async (to) => {
    const text = texts[looks++]!;
    if (looks === texts.length) setImmediate(() => leave());
    if (text instanceof Error) throw text;
    to.stdout.write(text);
  });
  return { out, err, looks };
}

test.concurrent('a table is drawn again in its place where it changed, and never higher than the terminal', async () => {
  const { out } = await watched(['A\n甲\n', 'A\n甲\n', 'A\n乙\n丙\n'], {});
  expect(out).toBe('\r\x1b[JA\n甲\n\x1b[2A\r\x1b[JA\n乙\n丙\n');
  const tall = await watched(['1\n2\n3\n4\n5\n'], { rows: 4 });
  expect(tall.out).toBe('\r\x1b[J1\n2\n… and 3 lines more\n');
});

test.concurrent('with --json each change is one object more, also what is gone, but not what a full list lost sight of', async () => {
  const looks = ['[{"id":"a","state":"x"},{"id":"b"}]', '[{"id":"a","state":"y"}]', '[{"id":"a","state":"y"}]'];
  const { out } = await watched(looks, { json: true });
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([{ id: 'a', state: 'x' }, { id: 'b' }, { id: 'a', state: 'y' }, { id: 'b', gone: true }]);
  const full = await watched(['[{"id":"a"}]', '[{"id":"b"}]'], { json: true, limit: 1 });
  expect(full.out).toBe('{"id":"a"}\n{"id":"b"}\n');
});

test.concurrent('the first look that fails is an error, a later one is said and looked again', async () => {
  await expect(watched([new Error('away')], { json: true })).rejects.toThrow('away');
  const { out, err } = await watched(['[]', new Error('away'), '[{"id":"a"}]'], { json: true });
  expect(out).toBe('{"id":"a"}\n');
  expect(err).not.toBe('');
  const env = { BOWLINE_CALLED_AS: './bowline' };
  const down = await watched(['甲\n', new AppError('NOT_RUNNING', { where: 'there', home: '/h' })], { env });
  expect(down.out).toContain('is `./bowline up` running');
});

test.concurrent('what is no terminal is told to take --json', async () => {
  await expect(watched([''], { tty: false })).rejects.toMatchObject({ reason: 'USAGE' });
  expect((await watched(['[]'], { tty: false, json: true })).out).toBe('');
});
