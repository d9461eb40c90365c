// The streams that owners have open on this replica, by the key that they were opened with, so that they end with it and none
// holds more than its share.
import type { Interceptor } from '@connectrpc/connect';
import { AppError } from '../../base/errors.ts';
import { principalKey } from './call-principal.ts';

export class OwnerStreams {
  readonly #byKey = new Map<string, Set<() => void>>();
  readonly #limit: number;

  /** @param limit the streams that one key may have open at once */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The keys that streams are open with. */
  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  /** Ends all streams of this key. */
  end(key: string): void {
    for (const end of [...(this.#byKey.get(key) ?? [])]) end();
  }

  /**
   * Counts a stream in. What it returns passes its messages on until they end or the key does; it throws OWNER_KEY_ENDED then, also
   * while a message is awaited. Throws LIMIT_EXCEEDED when the key has too many.
   * @param signal aborts when the call is over, however it ends; the stream is counted out then
   */
  enter(key: string, signal: AbortSignal): <T>(messages: AsyncIterable<T>) => AsyncIterable<T> {
    let ended: AppError | undefined;
    // Of whoever awaits a message now. One race over the whole life of the stream would keep something of every message.
    let refuse: (error: AppError) => void = () => {};
    const leave = this.#add(key, () => {
      ended = new AppError('OWNER_KEY_ENDED');
      refuse(ended);
    });
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    return <T>(messages: AsyncIterable<T>) => {
      const each = messages[Symbol.asyncIterator]();
      const next = (): Promise<IteratorResult<T>> =>
        new Promise<IteratorResult<T>>((resolve, reject) => {
          if (ended) return reject(ended);
          refuse = reject;
          each.next().then(resolve, reject);
        });
      const { return: stop, throw: fail } = each;
      return {
        [Symbol.asyncIterator]: () => ({
          next,
          ...(stop && { return: (value?: unknown) => stop.call(each, value) }),
          ...(fail && { throw: (error?: unknown) => fail.call(each, error) }),
        }),
      };
    };
  }

  #add(key: string, end: () => void): () => void {
    const ends = this.#byKey.get(key) ?? new Set();
    if (ends.size >= this.#limit) {
      const [what, setting] = ['open streams of one owner key', 'BOWLINE_MAX_OWNER_STREAMS'] as const;
      throw new AppError('LIMIT_EXCEEDED', { what, limit: this.#limit, setting });
    }
    this.#byKey.set(key, ends.add(end));
    return () => {
      ends.delete(end);
      if (ends.size === 0 && this.#byKey.get(key) === ends) this.#byKey.delete(key);
    };
  }
}

/** The streams of an owner are counted before anything is done for them, and end with the key that asked for them. */
export const ownerStreamInterceptor =
  (streams: OwnerStreams): Interceptor =>
  (next) =>
  async (request) => {
    const principal = request.contextValues.get(principalKey);
    if (!request.stream || principal?.kind !== 'owner') return next(request);
    const standing = streams.enter(principal.id, request.signal);
    const response = await next(request);
    return response.stream ? { ...response, message: standing(response.message) } : response;
  };
