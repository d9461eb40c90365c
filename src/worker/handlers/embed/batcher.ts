// Makes one request of the texts of several jobs that want the same model for the same purpose, and gives each its own back.
// A bad text of one does not fail the others; a job that ends leaves them alone.
import type { Purpose } from '../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { estimateTokens } from '../../../base/estimate-tokens.ts';
import { BatchQueue, type QueuedText } from './batch-queue.ts';
import type { BatchLimits, Embedder } from './embedder.ts';
import { mayBeOneText } from './may-be-one-text.ts';
import { shareOut } from './share-out.ts';

/** What one job wants, and whom to tell. Nothing is told after `signal` aborted or an error. */
export interface BatchOrder {
  readonly texts: readonly string[];
  readonly purpose: Purpose;
  readonly signal: AbortSignal;
  /** The vector of `texts[index]`. */
  onVector(index: number, vector: Float32Array): void;
  /** Its part of what a request used, also of one that it no longer waits for. Tokens and millionths of the currency. */
  onUsage(tokens: number, costMicros: number): void;
}

interface Flight {
  readonly pieces: readonly QueuedText<Waiting>[];
  readonly abort: AbortController;
}

interface Waiting {
  readonly order: BatchOrder;
  left: number;
  ended: boolean;
  end(error?: unknown): void;
}

export class Batcher {
  readonly #embedder: Embedder;
  readonly #limits: BatchLimits;
  readonly #clock: Clock;
  readonly #queues = new Map<Purpose, BatchQueue<Waiting>>();
  /** Pieces of one job each, of a batch that failed together: they go before all others. */
  readonly #again: (readonly QueuedText<Waiting>[])[] = [];
  readonly #flights = new Set<Flight>();

  constructor(embedder: Embedder, limits: BatchLimits, clock: Clock) {
    this.#embedder = embedder;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Resolves when every text has its vector. Throws what the embedder throws, or the signal's reason. */
  embed(order: BatchOrder): Promise<void> {
    return new Promise((resolve, reject) => {
      if (order.signal.aborted) return reject(order.signal.reason);
      const stop = () => waiting.end(order.signal.reason);
      const waiting: Waiting = {
        order,
        left: order.texts.length,
        ended: false,
        end: (error) => {
          if (waiting.ended) return;
          if (error !== undefined) this.#chargeForFlights(waiting);
          waiting.ended = true;
          order.signal.removeEventListener('abort', stop);
          if (error === undefined) resolve();
          else reject(error);
          this.#forget(waiting);
        },
      };
      order.signal.addEventListener('abort', stop, { once: true });
      this.#queueOf(order.purpose).add(waiting, order.texts);
      this.#start();
    });
  }

  #queueOf(purpose: Purpose): BatchQueue<Waiting> {
    let queue = this.#queues.get(purpose);
    if (!queue) {
      queue = new BatchQueue(this.#limits, this.#clock, () => this.#start());
      this.#queues.set(purpose, queue);
    }
    return queue;
  }

  /** Sends what is ready while there is room; the queue that waited longest first. */
  #start(): void {
    while (this.#flights.size < this.#limits.parallel) {
      const next = this.#again.shift() ?? this.#oldestReady()?.dequeue();
      if (!next) return;
      const pieces = next.filter(({ owner }) => !owner.ended);
      if (pieces.length > 0) void this.#fly(pieces);
    }
  }

  #oldestReady(): BatchQueue<Waiting> | undefined {
    return [...this.#queues.values()].filter((queue) => queue.ready).sort((a, b) => a.since - b.since)[0];
  }

  async #fly(pieces: readonly QueuedText<Waiting>[]): Promise<void> {
    const flight: Flight = { pieces, abort: new AbortController() };
    this.#flights.add(flight);
    const texts = pieces.map(({ text }) => text);
    try {
      const { purpose } = pieces[0]!.owner.order;
      const { vectors, tokens } = await this.#embedder.embed(texts, purpose, flight.abort.signal);
      this.#flights.delete(flight);
      this.#charge(pieces, tokens);
      for (const [at, piece] of pieces.entries()) this.#give(piece, vectors[at]);
    } catch (error) {
      this.#flights.delete(flight);
      this.#fail(pieces, error);
    }
    this.#start();
  }

  #give({ owner, index }: QueuedText<Waiting>, vector: Float32Array | undefined): void {
    if (owner.ended) return;
    if (!vector) {
      owner.end(new AppError('MODEL_OUTPUT_INVALID', { problem: 'fewer vectors than texts' }));
      return;
    }
    owner.order.onVector(index, vector);
    owner.left -= 1;
    if (owner.left === 0) owner.end();
  }

  /** Each job alone where a text of one may be the reason; else all of them get the error. */
  #fail(pieces: readonly QueuedText<Waiting>[], error: unknown): void {
    const owners = [...new Set(pieces.map(({ owner }) => owner))];
    if (owners.length === 1 || !mayBeOneText(error)) {
      for (const owner of owners) owner.end(error);
      return;
    }
    const alone = owners.map((owner) => pieces.filter((piece) => piece.owner === owner));
    this.#again.push(...alone.filter(([first]) => first?.owner.ended === false));
  }

  #charge(pieces: readonly QueuedText<Waiting>[], tokens: number): void {
    const weights = pieces.map(({ text }) => 1 + estimateTokens(text));
    const tokenShares = shareOut(tokens, weights);
    const costShares = shareOut(Math.ceil(tokens * (this.#embedder.price ?? 0)), weights);
    const sums = new Map<Waiting, [number, number]>();
    pieces.forEach(({ owner }, at) => {
      const [read, cost] = sums.get(owner) ?? [0, 0];
      sums.set(owner, [read + tokenShares[at]!, cost + costShares[at]!]);
    });
    for (const [owner, [read, cost]] of sums) if (!owner.ended) owner.order.onUsage(read, cost);
  }

  /** Who leaves or fails pays for what is under way for them, by estimate: the provider counts it all the same. */
  #chargeForFlights(owner: Waiting): void {
    const { price } = this.#embedder;
    const sent = [...this.#flights].flatMap(({ pieces }) => pieces.filter((piece) => piece.owner === owner));
    const tokens = sent.reduce((sum, { text }) => sum + estimateTokens(text), 0);
    if (price !== undefined && tokens > 0) owner.order.onUsage(tokens, Math.ceil(tokens * price));
  }

  /** What of it waits is dropped, and a request that nobody waits for any more is ended. */
  #forget(owner: Waiting): void {
    this.#queues.get(owner.order.purpose)?.drop(owner);
    for (const { pieces, abort } of this.#flights) if (pieces.every((piece) => piece.owner.ended)) abort.abort();
  }
}
