import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ConversationSummarySchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { silentLogger } from '../../base/logger.ts';
import { ConversationSummaries } from './conversation-summaries.ts';

const PATH = '/home/summaries.json';
const open = (fs: MemoryFs) => new ConversationSummaries({ path: PATH, log: silentLogger, fs });
const summary = (conversation: string, text: string) =>
  create(ConversationSummarySchema, { conversation, run: `run of ${text.slice(0, 8)}`, text });

test('the last summary of a conversation is there after a restart', async () => {
  const fs = new MemoryFs();
  const before = open(fs);
  await Promise.all([before.put(summary('c1', 'old')), before.put(summary('c2', 'other'))]);
  await before.put(summary('c1', 'new'));
  for (const summaries of [before, open(fs)]) {
    expect(await summaries.get('c1')).toMatchObject({ run: 'run of new', text: 'new' });
    expect(await summaries.get('c2')).toMatchObject({ text: 'other' });
    expect(await summaries.get('c3')).toBeUndefined();
  }
});

test('only the conversations summed up last are kept, and long summaries are cut', async () => {
  const fs = new MemoryFs();
  const summaries = open(fs);
  for (let n = 1; n <= 40; n++) await summaries.put(summary(`c${n}`, '😀'.repeat(3_000)));
  const again = open(fs);
  expect(await again.get('c8')).toBeUndefined();
  expect((await again.get('c9'))?.text).toBe('😀'.repeat(2_000));
});

test('a file that cannot be read is begun anew', async () => {
  const fs = new MemoryFs();
  await open(fs).put(summary('c1', 'text'));
  const file = await fs.open(PATH, 'create');
  await file.write(new TextEncoder().encode('[{"nonsense": 1}]'), 0);
  await file.close();
  const summaries = open(fs);
  expect(await summaries.get('c1')).toBeUndefined();
  await summaries.put(summary('c2', 'fresh'));
  expect(await open(fs).get('c2')).toMatchObject({ text: 'fresh' });
});

test('however many come while one is written, they are written once', async () => {
  const fs = new MemoryFs();
  let written = 0;
  const counting = new Proxy(fs, {
    get: (target, name) => {
      if (name === 'rename') written++;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const summaries = open(counting);
  await Promise.all(Array.from({ length: 500 }, (_, n) => summaries.put(summary(`c${n}`, `text ${n}`))));
  expect(written).toBeLessThanOrEqual(2);
  expect((await open(fs).get('c499'))?.text).toBe('text 499');
});
