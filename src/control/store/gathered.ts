// What is asked of the database while a statement is under way goes into the next one together, so that a storm of reconnects costs
// few statements. Nothing is asked for who has left meanwhile, and what one of them asks with fails no other. It sends nothing itself.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../../base/errors.ts';
import { type SqlFailure, sqlFailure } from '../../base/sql-failure.ts';

interface Asked<K, V> {
  readonly key: K;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (found: V | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Keys of one statement. */
const MOST = 200;
/** Turns of the event loop for which several wait for more: under load a turn is long and brings many, else it is over at once. */
const TURNS = 4;
/** What a statement of several may fail with because of one of them: it is asked again in halves. */
const BY_ONE: ReadonlySet<SqlFailure> = new Set(['refused', 'unclear', 'again']);

export class Gathered<K, V> {
  readonly #find: (keys: readonly K[]) => Promise<readonly V[]>;
  readonly #is: (found: V) => string;
  readonly #of: (key: K) => string;
  readonly #oncePerKey: boolean;
  #asked: Asked<K, V>[] = [];
  #running = false;

  /**
   * @param find those of the keys that there are, in any order
   * @param of a key as text
   * @param is the key of what was found, as text
   * @param oncePerKey two that ask with the same key must not meet in one statement, because it writes; the second waits for the next
   */
  constructor(
    find: (keys: readonly K[]) => Promise<readonly V[]>,
    of: (key: K) => string,
    is: (found: V) => string,
    oncePerKey = false,
  ) {
    this.#find = find;
    this.#of = of;
    this.#oncePerKey = oncePerKey;
    this.#is = is;
  }

  /** Undefined when there is none. Throws what its statement throws, and CANCELED when the signal aborted before its turn. */
  get(key: K, signal?: AbortSignal): Promise<V | undefined> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ key, signal, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#asked.length > 0) {
      for (let turn = 0; turn < TURNS && this.#asked.length > 1 && this.#asked.length < MOST; turn++) await nextTurn();
      const batch = this.#cut();
      if (batch.length > 0) await this.#ask(batch);
    }
    this.#running = false;
  }

  async #ask(batch: readonly Asked<K, V>[]): Promise<void> {
    try {
      const found = new Map((await this.#find(batch.map(({ key }) => key))).map((each) => [this.#is(each), each]));
      for (const { key, resolve } of batch) resolve(found.get(this.#of(key)));
    } catch (error) {
      if (batch.length > 1 && BY_ONE.has(sqlFailure(error))) {
        const half = batch.length >> 1;
        await this.#ask(batch.slice(0, half));
        await this.#ask(batch.slice(half));
      } else for (const { reject } of batch) reject(error);
    }
  }

  #cut(): Asked<K, V>[] {
    const batch: Asked<K, V>[] = [];
    const later: Asked<K, V>[] = [];
    const keys = new Set<string>();
    for (const each of this.#asked) {
      if (each.signal?.aborted) each.reject(new AppError('CANCELED'));
      else if (batch.length === MOST || (this.#oncePerKey && keys.has(this.#of(each.key)))) later.push(each);
      else {
        batch.push(each);
        if (this.#oncePerKey) keys.add(this.#of(each.key));
      }
    }
    this.#asked = later;
    return batch;
  }
}
