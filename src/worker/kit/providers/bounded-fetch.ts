// The fetch of all providers: cuts an endless body off, hands it on in small pieces with a breath between, so that no body holds the
// event loop up, and follows no redirect, since texts and key are for the address in models.yaml alone.
import { breath } from '../../../base/breath.ts';
import { AppError } from '../../../base/errors.ts';
import type { ProxyEnv } from '../../../base/proxies.ts';
import { proxiedFetch } from './proxied-fetch.ts';

/** Bytes of a body that are worked on in one turn, and pieces. */
const TURN_BYTES = 4 << 10;
const TURN_PIECES = 32;
/** Bytes of the body of a refusal; what is beyond is not read. */
const REFUSAL_BYTES = 64 << 10;

/** Bodies of more than `maxBytes` (after decompression) end with PROVIDER_UNAVAILABLE, redirects with PROVIDER_REFUSED. */
export function boundedFetch(maxBytes: number, provider: string, env: ProxyEnv = process.env): typeof fetch {
  const ask = proxiedFetch(provider, env);
  return async (input, init) => {
    const response = await ask(input, { ...init, redirect: 'manual' });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      throw new AppError('PROVIDER_REFUSED', {
        provider,
        problem: `it redirects (HTTP ${response.status}), which is not followed`,
      });
    }
    if (!response.body) return response;
    const most = response.ok ? maxBytes : Math.min(maxBytes, REFUSAL_BYTES);
    let bytes = 0;
    let [turnBytes, turnPieces] = [0, 0];
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      async transform(chunk, controller) {
        const room = most - bytes;
        bytes += chunk.byteLength;
        if (bytes > most && response.ok) {
          const problem = `its answer has more than ${maxBytes} bytes`;
          controller.error(new AppError('PROVIDER_UNAVAILABLE', { provider, problem }));
          return;
        }
        const end = Math.min(chunk.byteLength, room);
        for (let at = 0; at < end; at += TURN_BYTES) {
          const piece = chunk.subarray(at, Math.min(at + TURN_BYTES, end));
          turnBytes += piece.byteLength;
          turnPieces += 1;
          if (turnBytes > TURN_BYTES || turnPieces > TURN_PIECES) {
            await breath();
            [turnBytes, turnPieces] = [piece.byteLength, 1];
          }
          controller.enqueue(piece);
        }
        if (bytes > most) controller.terminate();
      },
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(counted), { status, statusText, headers });
  };
}
