// The fetch of all providers: cuts an endless body off, hands it on in small pieces with a breath between, so that no body holds the
// event loop up, and follows no redirect, since texts and key are for the address in models.yaml alone. The environment's proxies lead
// to it. It is undici's fetch and not that of Node 24: there a server that closes while its body waits to be read ends the process.
import type { Dispatcher } from 'undici';
import { breath } from '../../../base/breath.ts';
import { AppError } from '../../../base/errors.ts';
import { type ProxyEnv, proxyAuthorization, proxyFor } from '../../../base/proxies.ts';

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

/** By the proxy's URL, or '' where there is none: its connections are kept as long as this process lives. */
const dispatchers = new Map<string, Dispatcher>();

/** One for each call. Throws USAGE for what is no proxy, and PROVIDER_UNAVAILABLE where the way through it fails. */
function proxiedFetch(provider: string, env: ProxyEnv): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const proxy = proxyFor(url, env);
    const undici = await import('undici');
    const dispatcher = dispatchers.get(proxy?.href ?? '') ?? dispatcherFor(undici, proxy);
    dispatchers.set(proxy?.href ?? '', dispatcher);
    try {
      return (await undici.fetch(url, { ...init, dispatcher } as Parameters<typeof undici.fetch>[1])) as Response;
    } catch (error) {
      if (init?.signal?.aborted || !proxy) throw error;
      const problem = `${innermost(error)} (asked through the proxy ${proxy.host}; see HTTPS_PROXY, HTTP_PROXY and NO_PROXY)`;
      throw new AppError('PROVIDER_UNAVAILABLE', { provider, problem }, { cause: error });
    }
  };
}

function dispatcherFor({ Agent, ProxyAgent }: typeof import('undici'), proxy: URL | undefined): Dispatcher {
  if (!proxy) return new Agent({ allowH2: false });
  const token = proxyAuthorization(proxy);
  // In clear a proxy is asked in clear: many allow CONNECT to the port of TLS alone.
  return new ProxyAgent({ uri: proxy.origin, proxyTunnel: false, allowH2: false, ...(token && { token }) });
}

/** What the cause at the bottom says: its code, or its own words. */
function innermost(error: unknown): string {
  let found = error;
  for (let depth = 0; depth < 6 && found instanceof Error && found.cause instanceof Error; depth++) found = found.cause;
  const { code, message } = found as NodeJS.ErrnoException;
  return code !== undefined && /^E[A-Z]+$/.test(code) ? code : (message ?? 'it failed');
}
