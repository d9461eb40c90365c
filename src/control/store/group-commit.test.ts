import { expect, test } from 'vitest';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';

interface Item {
  readonly id: string;
  readonly keys: readonly string[];
  readonly bytes?: number;
}

/** A group whose flushes end only when the test says so. */
function group(more: Partial<GroupCommitOptions<Item, string>> = {}) {
  const batches: { ids: string[]; finish: () => void }[] = [];
  let wake = () => {};
  const commit = new GroupCommit<Item, string>({
    flush: (items) =>
      new Promise((resolve) => {
        const finish = () => resolve(items.map((item) => (item.id === 'bad' ? { error: 'bad' } : { ok: item.id })));
        batches.push({ ids: items.map((item) => item.id), finish });
        wake();
      }),
    keys: (item) => item.keys,
    bytes: (item) => item.bytes ?? 1,
    flushes: 1,
    maxBatch: 10,
    maxBytes: 100,
    maxWaiting: 100,
    maxWaitingBytes: 1000,
    ...more,
  });
  const batch = async (n: number) => {
    while (!batches[n]) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return batches[n];
  };
  const submit = (id: string, keys = [id], bytes = 1) => commit.submit({ id, keys, bytes });
  return { commit, batches, batch, submit };
}

const LIMIT = { timeout: 5000 };

test('what is submitted together goes together, what comes during a flush goes next', LIMIT, async () => {
  const { submit, batch, batches } = group();
  const first = [submit('a'), submit('b'), submit('c')];
  expect((await batch(0)).ids).toEqual(['a', 'b', 'c']);
  const second = [submit('d'), submit('e')];
  expect(batches.length).toBe(1);
  batches[0]?.finish();
  expect(await Promise.all(first)).toEqual(['a', 'b', 'c']);
  expect((await batch(1)).ids).toEqual(['d', 'e']);
  batches[1]?.finish();
  expect(await Promise.all(second)).toEqual(['d', 'e']);
});

test('entries that share a key are never under way together and keep their order', LIMIT, async () => {
  const { submit, batch } = group({ flushes: 2 });
  const all = [
    submit('a1', ['a']),
    submit('a2', ['a']),
    submit('ab', ['a', 'b']),
    submit('b1', ['b']),
    submit('c', ['c']),
  ];
  expect((await batch(0)).ids).toEqual(['a1', 'c']);
  (await batch(0)).finish();
  expect((await batch(1)).ids).toEqual(['a2']);
  (await batch(1)).finish();
  // b1 came after ab, which had to wait for a.
  expect((await batch(2)).ids).toEqual(['ab']);
  (await batch(2)).finish();
  expect((await batch(3)).ids).toEqual(['b1']);
  (await batch(3)).finish();
  expect(await Promise.all(all)).toEqual(['a1', 'a2', 'ab', 'b1', 'c']);
});

test('no more flushes run at once than allowed', LIMIT, async () => {
  const { submit, batch, batches } = group({ flushes: 2, maxBatch: 1 });
  const all = ['a', 'b', 'c'].map((id) => submit(id));
  await batch(1);
  expect(batches.map((each) => each.ids)).toEqual([['a'], ['b']]);
  batches[1]?.finish();
  (await batch(2)).finish();
  batches[0]?.finish();
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c']);
});

test('a batch is bounded in bytes, and a larger entry goes alone', LIMIT, async () => {
  const { submit, batch } = group({ maxBytes: 10 });
  const all = [submit('a', ['a'], 6), submit('b', ['b'], 6), submit('huge', ['h'], 50)];
  for (const [n, id] of ['a', 'b', 'huge'].entries()) {
    expect((await batch(n)).ids).toEqual([id]);
    (await batch(n)).finish();
  }
  await Promise.all(all);
});

test('what waits is bounded in number and in bytes', LIMIT, async () => {
  const { submit, batch } = group({ maxWaiting: 2, maxWaitingBytes: 5 });
  const accepted = [submit('a', ['a'], 9)];
  await expect(submit('b')).rejects.toMatchObject({ reason: 'STORE_BUSY', retryable: true });
  await batch(0);
  accepted.push(submit('c'), submit('d'));
  await expect(submit('e')).rejects.toMatchObject({ reason: 'STORE_BUSY' });
  (await batch(0)).finish();
  (await batch(1)).finish();
  expect(await Promise.all(accepted)).toEqual(['a', 'c', 'd']);
});

test('an entry that fails takes none with it, and close waits for all', LIMIT, async () => {
  const { submit, batch, commit } = group();
  const results = Promise.allSettled([submit('a'), submit('bad'), submit('c')]);
  let closed = false;
  const closing = commit.close().then(() => {
    closed = true;
  });
  const only = await batch(0);
  expect(closed).toBe(false);
  only.finish();
  await closing;
  expect((await results).map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  await expect(submit('late')).rejects.toMatchObject({ reason: 'CLOSED' });
});
