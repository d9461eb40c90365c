// The ports to the job queue and the bus: the way to the work, never the truth about it. Adapters live beside this file.

/** A job id that this taker holds under a lock of the queue. The lock is a hint; the epoch in the store is the fence. */
export interface DequeuedJob {
  readonly id: string;
  /**
   * True when the queue knows that an earlier taker had this id and did not give it back. A hint only: after a queue was
   * wiped, or after a lock was lost, a second taker may see false while the first still works.
   */
  readonly startedBefore: boolean;
  /** Takes the id out of the queue. Without effect once the lock is lost; never touches another taker's hold. */
  done(): Promise<void>;
  /** Puts the id back for any taker. Without effect once the lock is lost. */
  release(): Promise<void>;
  /** Renews the lock; false when it is lost (taken over, removed, or the queue was wiped). */
  extend(): Promise<boolean>;
}

/**
 * Queues of job ids by name. Nothing else travels through them. Every call ends within the adapter's time limit and may
 * then throw QUEUE_UNAVAILABLE, whether or not it took effect: all of them may be repeated.
 */
export interface JobQueue {
  /**
   * Adds ids in one round trip; an id that is waiting or taken stays as it is. An id that was finished is added again.
   * Throws LIMIT_EXCEEDED, and adds none, when a bounded adapter is full.
   */
  add(queue: string, ids: readonly string[]): Promise<void>;
  /** Takes up to `max` ids, about oldest first, perhaps none; never blocks to wait for more. */
  dequeue(queue: string, max: number): Promise<DequeuedJob[]>;
  /**
   * Calls `wake` when there may be something to take: after an add, a release or a lapsed lock, and once after the
   * call when ids wait already. Wakes are coalesced, may be spurious, and may reach only one of several listeners, so
   * keep a slow scan beside it. Returns how to stop.
   */
  onReady(queue: string, wake: () => void): () => void;
  counts(queue: string): Promise<{ waiting: number; dequeued: number }>;
  /** Removes a waiting id and says whether it did; a taken one stays with its taker. */
  remove(queue: string, id: string): Promise<boolean>;
  /** Ends listeners and connections; calls after it throw CLOSED. Idempotent. */
  close(): Promise<void>;
}

/** One bus message as a subscriber sees it. */
export interface BusMessage {
  /** The instance of the sender; a new one each time it starts. */
  readonly publisher: string;
  /** Counts the publisher's messages on this topic: gapless, from 1 (from higher after it had to forget the topic). */
  readonly sequence: number;
  readonly data: Uint8Array;
}

/** Both functions must return quickly; what they throw is logged and dropped. */
export interface BusHandler {
  message(message: BusMessage): void;
  /** Something was or may have been missed (also falsely): read the whole set again. Called before the message that showed it. */
  gap(): void;
}

/**
 * Hints between replicas: each message arrives at least once or never, in any order. A lost message is noticed as a gap at
 * the next one of its publisher on the topic, so every reader also has a slow scan or a final check of its own.
 */
export interface Bus {
  /** The name of this instance as a publisher. */
  readonly publisher: string;
  /**
   * Resolves when the message is handed over, not when it was received. The bus keeps `data`: do not change it later.
   * Throws LIMIT_EXCEEDED for a message that is too large, and BUS_UNAVAILABLE when it may not have been sent.
   */
  publish(topic: string, data: Uint8Array): Promise<void>;
  /**
   * Resolves when messages published from now on arrive (the publisher's own too); read the whole set after that.
   * Returns how to unsubscribe.
   */
  subscribe(topic: string, handler: BusHandler): Promise<() => Promise<void>>;
  /** Ends subscriptions and connections; calls after it throw CLOSED. Idempotent. */
  close(): Promise<void>;
}
