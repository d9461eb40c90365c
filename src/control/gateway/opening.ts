// How every session begins and how its stream ends: the first frame within its time, and the reset of a stream whose
// reader does not take its end.
import { createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { PeerQueue } from './peer-queue.ts';

/** Resets the HTTP/2 stream of a call; set by the listener. */
export const resetKey = createContextKey<() => void>(() => {}, { description: 'reset of the stream' });

/** The connection of a call showed a valid credential; set by the listener. */
export const admitKey = createContextKey<() => void>(() => {}, { description: 'admits the connection' });

/** Holds back what is written to the HTTP/2 stream of a call until the end of this turn of the event loop; set by the listener. */
export const gatherKey = createContextKey<() => void>(() => {}, { description: 'gathers writes' });

/** Whether the peer of a call is there now; set by the listener. Without one there is no connection that could be dead. */
export const liveKey = createContextKey<() => Promise<boolean>>(async () => true, {
  description: 'whether the peer is there',
});

/** What a session has of its stream, beside its frames. */
export interface StreamEnds {
  /** Aborts when the stream is gone. */
  readonly signal: AbortSignal;
  /** Closes the stream, whatever its reader does. */
  readonly reset: () => void;
  /** Frames of this turn of the event loop leave in one write. */
  readonly gather: () => void;
  /** Whether its peer is there now: it answered something that was sent after the lookup began. */
  readonly isLive: () => Promise<boolean>;
}

export const endsOf = (context: Pick<HandlerContext, 'signal' | 'values'>): StreamEnds => ({
  signal: context.signal,
  reset: context.values.get(resetKey),
  gather: context.values.get(gatherKey),
  isLive: context.values.get(liveKey),
});

/** How long a peer may take for its first frame. */
export const helloMs = (heartbeatMs: number): number => Math.max(2 * heartbeatMs, 2_000);

/** The first frame of a session. Throws DEADLINE_EXCEEDED when none comes in time, and CANCELED when the stream ends. */
export async function firstFrame<T>(frames: AsyncIterator<T>, clock: Clock, ms: number): Promise<T> {
  let stop = () => {};
  const late = new Promise<never>((_resolve, reject) => {
    stop = clock.after(ms, () => reject(new AppError('DEADLINE_EXCEEDED', { after: `${ms} ms without a hello` })));
  });
  try {
    const next = frames.next();
    // If it is late, nobody looks at it any more.
    next.catch(() => {});
    const first = await Promise.race([next, late]);
    if (first.done) throw new AppError('CANCELED');
    return first.value;
  } finally {
    stop();
  }
}

/** Ends the session with its stream, and resets the stream of a session that ended while its reader takes nothing. */
export function bindStream<Body>(out: PeerQueue<Body>, ends: StreamEnds, clock: Clock, graceMs: number): void {
  const aborted = () => out.end();
  ends.signal.addEventListener('abort', aborted, { once: true });
  if (ends.signal.aborted) aborted();
  out.onEnd(() => {
    ends.signal.removeEventListener('abort', aborted);
    clock.after(graceMs, () => {
      if (!out.drained) ends.reset();
    });
  });
}

/**
 * Resolves when the peer of a session that begins has shown that it is there now. What is read before, and written after under the
 * condition that it is still so, cannot come from a peer who left before it was read. Throws CANCELED when the stream is gone,
 * and DEADLINE_EXCEEDED when the peer does not answer in time.
 */
export async function mustBeLive<Body>(
  out: PeerQueue<Body>,
  ends: StreamEnds,
  clock: Clock,
  ms: number,
): Promise<void> {
  let stop = () => {};
  const late = new Promise<never>((_resolve, reject) => {
    stop = clock.after(ms, () => reject(new AppError('DEADLINE_EXCEEDED', { after: `${ms} ms without an answer` })));
  });
  try {
    const live = await Promise.race([ends.isLive(), late]);
    if (!live || out.ended) throw new AppError('CANCELED');
  } finally {
    stop();
  }
}
