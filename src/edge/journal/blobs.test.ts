import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import { openBlobs } from './blobs.ts';

test('a blob whose name was given is there after a crash, and half a blob never', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(12), fc.infiniteStream(fc.boolean()), async (at, keep) => {
      const fs = new MemoryFs({ fault: (_operation, count) => (count === at ? 'crash' : undefined) });
      const names: string[] = [];
      const content = [Buffer.alloc(3000, 'a'), Buffer.alloc(2000, 'b')];
      const blobs = await openBlobs('/b', fs);
      for (const bytes of content) names.push(await blobs.put(bytes).catch(() => ''));
      const after = await openBlobs(
        '/b',
        fs.crash(() => keep.next().value!),
      );
      for (const [index, name] of names.entries()) {
        if (name) expect(Buffer.from((await after.get(name))!).equals(content[index]!)).toBe(true);
      }
      for (const name of after.names()) expect([2000, 3000]).toContain((await after.get(name))!.length);
      await after.keep(new Set(names.slice(0, 1)));
      expect(after.names().length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 100 },
  );
});

test('a full disk and the limit refuse a blob and leave nothing', async () => {
  const fs = new MemoryFs({ capacity: 2500 });
  const blobs = await openBlobs('/b', fs, { maxBytes: 4000 });
  await blobs.put(new Uint8Array(2000));
  await expect(blobs.put(new Uint8Array(1500))).rejects.toMatchObject({ reason: 'DISK_FULL' });
  await expect(blobs.put(new Uint8Array(2500))).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' });
  expect(blobs.bytes).toBe(2000);
  expect(fs.paths()).toHaveLength(1);
});
