// Numbering of bus messages and the detection of missing ones, shared by every Bus adapter. Pure; sends nothing.
import { LRUCache } from 'lru-cache';

/** Numbers a publisher's messages per topic: gapless while the topic is remembered, never lower than before. */
export class Sequencer {
  readonly #last: LRUCache<string, number>;
  /** The highest number of any forgotten topic; a topic that comes back starts above it. */
  #floor = 0;

  /** @param topics how many topics are remembered; a forgotten one costs its readers one false gap. */
  constructor(topics = 10_000) {
    this.#last = new LRUCache({
      max: topics,
      dispose: (last, _topic, why) => {
        if (why === 'evict') this.#floor = Math.max(this.#floor, last);
      },
    });
  }

  next(topic: string): number {
    const next = (this.#last.get(topic) ?? this.#floor) + 1;
    this.#last.set(topic, next);
    return next;
  }
}

/** One subscription's view of its publishers. */
export class GapDetector {
  readonly #last: LRUCache<string, number>;

  /** @param publishers how many publishers are remembered; a forgotten one costs one false gap. */
  constructor(publishers = 1_000) {
    this.#last = new LRUCache({ max: publishers });
  }

  /**
   * Whether this message shows that others may be missing. The first message seen of a publisher does so unless it is its
   * number 1, because those before it may have been lost after the subscription. Repeats and late ones do not.
   */
  missed(publisher: string, sequence: number): boolean {
    const last = this.#last.get(publisher) ?? 0;
    if (sequence <= last) return false;
    this.#last.set(publisher, sequence);
    return sequence > last + 1;
  }
}
