// The fetch of all providers: cuts an endless body off, and follows no redirect, since texts and key are for the address in
// models.yaml alone.
import { AppError } from '../../../../base/errors.ts';
import type { ProxyEnv } from '../../../../base/proxies.ts';
import { proxiedFetch } from './proxied-fetch.ts';

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
    let bytes = 0;
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (bytes <= maxBytes) return controller.enqueue(chunk);
        const problem = `its answer has more than ${maxBytes} bytes`;
        controller.error(new AppError('PROVIDER_UNAVAILABLE', { provider, problem }));
      },
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(counted), { status, statusText, headers });
  };
}
