// The streams that owners have open on this replica, by the key that they were opened with, so that they end with it.
import type { Interceptor } from '@connectrpc/connect';
import { AppError } from '../../base/errors.ts';
import { principalKey } from './call-principal.ts';

export class OwnerStreams {
  readonly #byKey = new Map<string, Set<() => void>>();

  /** The keys that streams are open with. */
  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  /** Ends all streams of this key. */
  end(key: string): void {
    for (const end of [...(this.#byKey.get(key) ?? [])]) end();
  }

  /**
   * Passes messages on until they end or the key does. Throws OWNER_KEY_ENDED then, also while a message is awaited.
   * @param signal aborts when the call is over, however it ends
   */
  standing<T>(key: string, messages: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
    const each = messages[Symbol.asyncIterator]();
    let ended: AppError | undefined;
    // Of whoever awaits a message now. One race over the whole life of the stream would keep something of every message.
    let refuse: (error: AppError) => void = () => {};
    const leave = this.#enter(key, () => {
      ended = new AppError('OWNER_KEY_ENDED');
      refuse(ended);
    });
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
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
  }

  #enter(key: string, end: () => void): () => void {
    const ends = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, ends.add(end));
    return () => {
      ends.delete(end);
      if (ends.size === 0 && this.#byKey.get(key) === ends) this.#byKey.delete(key);
    };
  }
}

/** Streams that are answered to an owner end with the key that asked for them. */
export const ownerStreamInterceptor =
  (streams: OwnerStreams): Interceptor =>
  (next) =>
  async (request) => {
    const response = await next(request);
    const principal = request.contextValues.get(principalKey);
    if (!response.stream || principal?.kind !== 'owner') return response;
    return { ...response, message: streams.standing(principal.id, response.message, request.signal) };
  };
