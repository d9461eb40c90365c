import { expect, test } from 'vitest';
import { MAX_OPEN_RUNS, OwnerAsks } from './owner-asks.ts';

/** A store of one key. Its answers and commits take some turns, more or less of them, and a count is that of any moment meanwhile. */
class FakeStore {
  open = 0;
  most = 0;
  #n = 0;

  readonly count = async () => {
    await this.#turns();
    const { open } = this;
    await this.#turns();
    return open;
  };

  readonly commit = async () => {
    await this.#turns();
    this.open += 1;
    this.most = Math.max(this.most, this.open);
    await this.#turns();
  };

  async #turns() {
    this.#n = (this.#n * 75 + 74) % 65_537;
    for (let i = this.#n % 7; i > 0; i--) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

async function askOf(asks: OwnerAsks, store: FakeStore, many: number, key = 'mine') {
  const all = Array.from({ length: many }, () => asks.commit(key, store.count, store.commit));
  const settled = await Promise.allSettled(all);
  const why = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason.reason] : []));
  return { begun: many - why.length, why: [...new Set(why)] };
}

test('of many asks at once exactly as many begin as a key may have open', async () => {
  const [asks, store, other] = [new OwnerAsks(), new FakeStore(), new FakeStore()];
  const [mine, theirs] = await Promise.all([askOf(asks, store, 600), askOf(asks, other, 10, 'theirs')]);
  expect(mine).toEqual({ begun: MAX_OPEN_RUNS, why: ['LIMIT_EXCEEDED'] });
  expect(store.most).toBe(MAX_OPEN_RUNS);
  expect(theirs).toEqual({ begun: 10, why: [] });
  // Three ended.
  store.open -= 3;
  expect(await askOf(asks, store, 20)).toMatchObject({ begun: 3 });
  expect(store.most).toBe(MAX_OPEN_RUNS);
});

test('an ask that was not committed leaves its place', async () => {
  const [asks, store] = [new OwnerAsks(), new FakeStore()];
  store.open = MAX_OPEN_RUNS - 1;
  const broken = () => Promise.reject(new Error('the database is away'));
  await expect(asks.commit('mine', store.count, broken)).rejects.toThrow('away');
  await expect(asks.commit('mine', broken, store.commit)).rejects.toThrow('away');
  const refused = asks.commit('mine', store.count, broken);
  const next = asks.commit('mine', store.count, store.commit);
  await expect(refused).rejects.toThrow('away');
  await next;
  await expect(asks.commit('mine', store.count, store.commit)).rejects.toMatchObject({ reason: 'LIMIT_EXCEEDED' });
});
