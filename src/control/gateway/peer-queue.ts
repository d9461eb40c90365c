// What is to be said to one peer of the gateway, bounded by the settings of this control plane.
import type { FrameHeader } from '../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { FrameCounter } from '../../contract/session/frames.ts';
import { SendQueue } from '../../contract/session/send-queue.ts';

export interface PeerFrame<Body> {
  header?: FrameHeader | undefined;
  readonly frame: Body;
}

export type PeerQueue<Body> = SendQueue<Body, PeerFrame<Body>>;

export interface PeerQueueParts<Body> {
  readonly counter: FrameCounter;
  readonly maxQueuedFrames: number;
  readonly maxQueuedBytes: number;
  /** Looks at each frame before it gets a number: gives what is sent in its place, or nothing to leave it out. */
  readonly toSize?: (body: Body) => Body | undefined;
  readonly onSent?: (body: Body, seq: bigint) => void;
  readonly onBurst?: () => void;
}

/** A peer that does not take what waits is ended with the setting that bounds it. */
export function peerQueue<Body>(parts: PeerQueueParts<Body>): PeerQueue<Body> {
  const { counter, maxQueuedFrames: maxFrames, maxQueuedBytes: maxBytes, toSize, onSent, onBurst } = parts;
  const queue: PeerQueue<Body> = new SendQueue<Body, PeerFrame<Body>>({
    counter,
    maxFrames,
    maxBytes,
    full: (what, limit) => queue.end(tooMuch(what, limit)),
    make: (body) => {
      const frame = toSize ? toSize(body) : body;
      return frame === undefined ? undefined : { header: undefined, frame };
    },
    ...(onSent && { onSent: ({ frame }, seq) => onSent(frame, seq) }),
    ...(onBurst && { onBurst }),
  });
  return queue;
}

function tooMuch(what: 'frames' | 'bytes', limit: number): AppError {
  const frames = what === 'frames';
  return new AppError('LIMIT_EXCEEDED', {
    what: frames ? 'the number of frames that wait for this peer' : 'the bytes that wait for this peer',
    limit,
    setting: frames ? 'BOWLINE_MAX_QUEUED_FRAMES' : 'BOWLINE_MAX_QUEUED_BYTES',
  });
}

/**
 * The frames of a queue that is made when the first of them is asked for. When nobody reads any more it is ended. As `frames`, this keeps
 * nothing of what it gave.
 */
export function framesLater<Body>(make: () => Promise<PeerQueue<Body>>): AsyncIterableIterator<PeerFrame<Body>> {
  let queue: PeerQueue<Body> | undefined;
  let frames: AsyncIterator<PeerFrame<Body>, undefined> | undefined;
  let unread = false;
  const begin = async () => {
    queue = await make();
    if (unread) queue.end();
    frames = queue.frames();
    return frames.next();
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => frames?.next() ?? begin(),
    return: async () => {
      unread = true;
      queue?.end();
      await frames?.return?.();
      return { done: true, value: undefined };
    },
  };
}
