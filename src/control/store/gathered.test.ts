import { setImmediate as nextTurn } from 'node:timers/promises';
import { DatabaseError } from 'pg';
import { expect, test } from 'vitest';
import { Gathered } from './gathered.ts';

/** Statements of a test, each answered when it is told. */
function statements() {
  const sent: { keys: readonly number[]; answer: () => void; fail: () => void }[] = [];
  const gathered = new Gathered<number, { n: number; text: string }>(
    (keys) =>
      new Promise((resolve, reject) => {
        const even = [...new Set(keys)].filter((n) => n % 2 === 0).reverse();
        sent.push({
          keys,
          answer: () => resolve(even.map((n) => ({ n, text: `${n}` }))),
          fail: () => reject(new Error('no')),
        });
      }),
    String,
    ({ n }) => String(n),
  );
  return { sent, gathered };
}

/** Those that wait for more have been asked for. */
async function asked(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

test('the first is asked at once, those that come meanwhile together; each gets its own, and nothing where there is none', async () => {
  const { sent, gathered } = statements();
  const all = [8, 1, 2, 2, 4].map((n) => gathered.get(n));
  expect(sent.map(({ keys }) => keys)).toEqual([[8]]);
  sent[0]!.answer();
  await asked();
  expect(sent.map(({ keys }) => keys)).toEqual([[8], [1, 2, 2, 4]]);
  sent[1]!.answer();
  expect((await Promise.all(all)).map((found) => found?.text)).toEqual(['8', undefined, '2', '2', '4']);
});

test('who has left before the statement is sent is not asked for; who is alone there costs none', async () => {
  const { sent, gathered } = statements();
  const [stays, leaves] = [new AbortController(), new AbortController()];
  const first = gathered.get(2);
  const left = gathered.get(4, leaves.signal);
  const stayed = gathered.get(6, stays.signal);
  leaves.abort();
  sent[0]!.answer();
  await expect(left).rejects.toMatchObject({ reason: 'CANCELED' });
  await first;
  expect(sent.map(({ keys }) => keys)).toEqual([[2], [6]]);
  const late = gathered.get(8, leaves.signal);
  sent[1]!.answer();
  await expect(late).rejects.toMatchObject({ reason: 'CANCELED' });
  expect(await stayed).toMatchObject({ n: 6 });
  expect(sent).toHaveLength(2);
  const next = gathered.get(10);
  sent[2]!.answer();
  expect(await next).toMatchObject({ n: 10 });
});

test('a statement that fails fails for its own only, and a herd costs few statements of bounded size', async () => {
  const { sent, gathered } = statements();
  const first = gathered.get(2).catch((error: Error) => error.message);
  const herd = Array.from({ length: 1_000 }, (_, n) => gathered.get(2 * n));
  sent[0]!.fail();
  expect(await first).toBe('no');
  for (let n = 1; n <= 5; n++) {
    await asked();
    expect(sent[n]!.keys).toHaveLength(200);
    sent[n]!.answer();
  }
  expect((await Promise.all(herd)).map((found) => found?.n)).toEqual(herd.map((_, n) => 2 * n));
  expect(sent).toHaveLength(6);
});

test('where a statement writes, two with one key never meet in it: the second has the next', async () => {
  const sent: (readonly [string, number])[][] = [];
  const answers: (() => void)[] = [];
  const gathered = new Gathered<readonly [string, number], readonly [string, number]>(
    (keys) => {
      sent.push([...keys]);
      return new Promise((resolve) => answers.push(() => resolve(keys)));
    },
    ([name]) => name,
    ([name]) => name,
    true,
  );
  const all = [gathered.get(['a', 0]), gathered.get(['b', 1]), gathered.get(['b', 2]), gathered.get(['c', 3])];
  for (let n = 0; n < 3; n++) {
    answers[n]!();
    await asked();
  }
  expect(sent).toEqual([
    [['a', 0]],
    [
      ['b', 1],
      ['c', 3],
    ],
    [['b', 2]],
  ]);
  expect((await Promise.all(all)).map((found) => found?.[1])).toEqual([0, 1, 2, 3]);
});

/** As the driver throws it. */
const sqlError = (code: string) => Object.assign(new DatabaseError(`error ${code}`, 0, 'error'), { code });

/** Asks for eight at once; all statements with one of these numbers fail with this. */
async function askedFor(bad: readonly number[], failure: () => Error) {
  const sent: (readonly number[])[] = [];
  const gathered = new Gathered<number, number>(
    async (keys) => {
      sent.push(keys);
      await nextTurn();
      if (keys.some((n) => bad.includes(n))) throw failure();
      return keys;
    },
    String,
    String,
  );
  const all = Array.from({ length: 9 }, (_, n) => gathered.get(n));
  return { sent, ended: await Promise.allSettled(all) };
}

test.each(['22003', '21000', '40P01'])(
  'what one of a statement fails with (%s) fails that one alone, in few statements',
  async (code) => {
    const { sent, ended } = await askedFor([6], () => sqlError(code));
    expect(ended.map(({ status }) => status === 'fulfilled')).toEqual(ended.map((_, n) => n !== 6));
    expect(sent.map(({ length }) => length)).toEqual([1, 8, 4, 4, 2, 1, 1, 2]);
  },
);

test.each(['57014', '08006', '53300'])(
  'a database that is slow or gone (%s) is not asked again for each',
  async (code) => {
    const { sent, ended } = await askedFor([6], () => sqlError(code));
    expect(ended.map(({ status }) => status === 'fulfilled')).toEqual(ended.map((_, n) => n === 0));
    expect(sent).toHaveLength(2);
  },
);
