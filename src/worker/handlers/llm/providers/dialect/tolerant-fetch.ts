// The fetch of OpenAI-compatible servers: whatever dialect an answer is in, the SDK above reads the schema. A whole answer stays one
// when the connection breaks after its end.
import { breath } from '../../../../../base/breath.ts';
import type { Clock } from '../../../../../base/clock.ts';
import { THINKS_FIRST } from './dialects.ts';
import { Normaliser } from './normalise.ts';
import { EventReader } from './sse-events.ts';

export interface Habits {
  /** Its answers begin within thoughts: known by its name, or learnt from an answer. */
  thinksFirst: boolean;
}

/** What is known of a model by its name. */
export const habitsOf = (model: string): Habits => ({ thinksFirst: THINKS_FIRST.test(model) });

/** How long the beginning of an answer is held back where nothing is known of the model. */
const HOLD_MS = 400;
/** How long to wait for what was used once the answer has ended. */
const AFTER_END_MS = 2_000;
/** Chunks handed on, and events read, in one turn. */
const TURN_CHUNKS = 16;
const TURN_EVENTS = 64;

export interface TolerantOptions {
  readonly provider: string;
  readonly habits: Habits;
  /** Tools were offered. */
  readonly calls: boolean;
  readonly clock: Clock;
}

/** `fetch`, whose successful answers are streams of the schema. */
export function tolerantFetch(fetch: typeof globalThis.fetch, options: TolerantOptions): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok || !response.body) return response;
    const headers = new Headers(response.headers);
    headers.set('content-type', 'text/event-stream');
    headers.delete('content-length');
    headers.delete('content-encoding');
    const body = ReadableStream.from(schemaOf(response.body, options));
    return new Response(body as ReadableStream<Uint8Array>, { status: response.status, headers });
  };
}

async function* schemaOf(body: ReadableStream<Uint8Array>, options: TolerantOptions): AsyncGenerator<Uint8Array> {
  const { clock, habits, calls, provider } = options;
  const reader = new PatientReader(body.getReader(), clock);
  const events = new EventReader(provider);
  const normaliser = new Normaliser({ calls, thinksFirst: habits.thinksFirst });
  const encoder = new TextEncoder();
  const encoded = (chunks: readonly object[]) =>
    encoder.encode(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(''));
  let heldSince: number | undefined;
  try {
    while (!normaliser.isWhole) {
      if (normaliser.holds) heldSince ??= clock.monotonic();
      const patience = normaliser.hasFinish
        ? AFTER_END_MS
        : normaliser.holds && heldSince !== undefined
          ? Math.max(heldSince + HOLD_MS - clock.monotonic(), 0)
          : undefined;
      const next = await reader.read(patience, normaliser.hasFinish);
      if (next === 'late' && !normaliser.hasFinish) {
        yield encoded(normaliser.release());
        continue;
      }
      const bytes = next === 'late' ? undefined : next;
      for (const [at, data] of (bytes ? events.push(bytes) : events.end()).entries()) {
        if (at % TURN_EVENTS === TURN_EVENTS - 1) await breath();
        for await (const chunks of inTurns(normaliser.push(data))) yield encoded(chunks);
      }
      if (!bytes) break;
    }
    for await (const chunks of inTurns(normaliser.end())) yield encoded(chunks);
    yield encoder.encode('data: [DONE]\n\n');
    habits.thinksFirst ||= normaliser.unopened;
  } finally {
    // Nothing more is wanted of it.
    await reader.cancel();
  }
}

/** As many as one turn hands on, with a breath between. */
async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T[]> {
  let turn: T[] = [];
  for (const item of items) {
    if (turn.push(item) < TURN_CHUNKS) continue;
    yield turn;
    turn = [];
    await breath();
  }
  if (turn.length > 0) yield turn;
}

/** Reads on where a wait that was too long left off. */
class PatientReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #clock: Clock;
  #next: Promise<Uint8Array | undefined> | undefined;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  /** The next bytes, undefined at the end; `late` when they take longer. `forgiving`: a fault counts as the end. */
  async read(ms: number | undefined, forgiving: boolean): Promise<Uint8Array | undefined | 'late'> {
    this.#next ??= this.#reader.read().then(({ value }) => value);
    let stop = () => {};
    try {
      const late = new Promise<'late'>((resolve) => {
        if (ms !== undefined) stop = this.#clock.after(ms, () => resolve('late'));
      });
      const next = await (ms === undefined ? this.#next : Promise.race([this.#next, late]));
      if (next !== 'late') this.#next = undefined;
      return next;
    } catch (error) {
      if (forgiving) return undefined;
      throw error;
    } finally {
      stop();
    }
  }

  async cancel(): Promise<void> {
    this.#next?.catch(() => {});
    await this.#reader.cancel().catch(() => {});
  }
}
