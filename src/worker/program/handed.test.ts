import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { HandedLines } from './handed.ts';

const reason = (name: string) => expect.objectContaining({ reason: name });

test('lines come whole in whatever pieces they are written, and the end is told', async () => {
  const input = new PassThrough();
  const lines = new HandedLines(input);
  const line = `${JSON.stringify({ env: { A: 'ö'.repeat(300_000) }, set: ['B=1'] })}\nhttp://127.0.0.1:1\n`;
  const bytes = Buffer.from(line);
  for (let at = 0; at < bytes.length; at += 65_537) input.write(bytes.subarray(at, at + 65_537));
  expect((await lines.settings()).env.A).toHaveLength(300_000);
  expect(await lines.next()).toBe('http://127.0.0.1:1');
  const waiting = lines.next();
  waiting.catch(() => undefined);
  input.end();
  await expect(waiting).rejects.toEqual(reason('CANCELED'));
  expect(await lines.ended).toMatch(/ended/);
});

test.each(['', '{}', '[]', 'null', '{"env":{"A":1},"set":[]}', 'no JSON'])(
  'a first line %j is refused in words',
  async (line) => {
    const input = new PassThrough();
    input.write(`${line}\n`);
    await expect(new HandedLines(input).settings()).rejects.toEqual(reason('USAGE'));
  },
);
