// The fetch of servers whose events the SDK reads as they are: the same events, each of them and each tool call of a size that one turn
// of the event loop can read; what is no data is left out.
import { breath } from '../../../../../base/breath.ts';
import { AppError } from '../../../../../base/errors.ts';
import { isRecord } from '../../../../../base/is-record.ts';
import { JsonMeter } from '../../../../../base/json-meter.ts';
import { MOST_ARGUMENTS } from './read-call.ts';
import { EventReader } from './sse-events.ts';

/** Content blocks whose arguments come in pieces. */
const MOST_BLOCKS = 256;
/** Events read in one turn. */
const TURN_EVENTS = 64;

/** `fetch`, whose successful answers end with PROVIDER_UNAVAILABLE or MODEL_OUTPUT_INVALID at what is beyond every bound. */
export function boundedEvents(fetch: typeof globalThis.fetch, provider: string): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok || !response.body) return response;
    const headers = new Headers(response.headers);
    headers.delete('content-length');
    headers.delete('content-encoding');
    const body = ReadableStream.from(eventsOf(response.body, provider));
    return new Response(body as ReadableStream<Uint8Array>, { status: response.status, headers });
  };
}

async function* eventsOf(body: ReadableStream<Uint8Array>, provider: string): AsyncGenerator<Uint8Array> {
  const reader = new EventReader(provider);
  const meters = new Map<unknown, JsonMeter>();
  const encoder = new TextEncoder();
  async function* told(events: readonly string[]) {
    for (const [at, data] of events.entries()) {
      if (at % TURN_EVENTS === TURN_EVENTS - 1) await breath();
      measure(data, meters);
      // A line end stands for nothing but a blank in JSON; in as many lines it would be taken apart again.
      yield encoder.encode(`data: ${data.replaceAll('\n', ' ')}\n\n`);
    }
  }
  for await (const piece of body) yield* told(reader.push(piece));
  yield* told(reader.end());
}

/** Throws MODEL_OUTPUT_INVALID for arguments that are beyond every bound once they are whole. */
function measure(data: string, meters: Map<unknown, JsonMeter>): void {
  if (!data.includes('"partial_json"')) return;
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    return;
  }
  if (!isRecord(event) || !isRecord(event.delta) || typeof event.delta.partial_json !== 'string') return;
  const invalid = (problem: string) => new AppError('MODEL_OUTPUT_INVALID', { problem });
  let meter = meters.get(event.index);
  if (!meter) {
    if (meters.size >= MOST_BLOCKS) throw invalid(`it asks for more than ${MOST_BLOCKS} tool calls`);
    meter = new JsonMeter(MOST_ARGUMENTS);
    meters.set(event.index, meter);
  }
  const problem = meter.push(event.delta.partial_json);
  if (problem !== undefined) throw invalid(`the arguments of a tool call have ${problem}`);
}
