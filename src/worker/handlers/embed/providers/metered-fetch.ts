// A fetch whose answers hold no more JSON values than the vectors that were asked for: more would be parsed and judged in one turn
// before anybody saw that it is too much.
import { AppError } from '../../../../base/errors.ts';
import { JsonMeter } from '../../../../base/json-meter.ts';

/** Values that stand beside the numbers of one vector, and of one answer. */
const BESIDE_VECTOR = 16;
const BESIDE_ALL = 256;
const DEPTH = 16;

/** As `fetch`; a success with more than so many vectors of this dimension ends with MODEL_OUTPUT_INVALID. */
export function meteredFetch(
  fetch: typeof globalThis.fetch,
  vectors: number,
  dimension: number,
): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok || !response.body) return response;
    const values = vectors * (dimension + BESIDE_VECTOR) + BESIDE_ALL;
    const meter = new JsonMeter({ letters: Number.POSITIVE_INFINITY, values, depth: DEPTH });
    const metered = new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        // What is counted is ASCII, and stands in no byte of another sign.
        const problem = meter.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1'));
        if (problem === undefined) controller.enqueue(piece);
        else controller.error(new AppError('MODEL_OUTPUT_INVALID', { problem: `its answer has ${problem}` }));
      },
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(metered), { status, statusText, headers });
  };
}
