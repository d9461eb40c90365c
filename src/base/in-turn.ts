// Work in its turn, in a queue that lets so many in at a time.
import type PQueue from 'p-queue';

/**
 * Who gives up leaves the line with the signal's reason. Work that has begun keeps its place until it has ended, however early it was told
 * to stop: the queue alone would let the next one in beside it.
 */
export async function inTurn<T>(queue: PQueue, stop: AbortSignal, work: () => Promise<T>): Promise<T> {
  stop.throwIfAborted();
  const waiting = new AbortController();
  const leave = () => waiting.abort(stop.reason);
  stop.addEventListener('abort', leave, { once: true });
  const begin = () => {
    stop.removeEventListener('abort', leave);
    return work();
  };
  try {
    return await queue.add(begin, { signal: waiting.signal });
  } finally {
    stop.removeEventListener('abort', leave);
  }
}
