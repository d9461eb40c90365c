// The fetch of a provider that the environment's proxies lead to. Where there is none it is Node's own, and nothing is loaded.
import type { Dispatcher } from 'undici';
import { AppError } from '../../../base/errors.ts';
import { type ProxyEnv, proxyAuthorization, proxyFor } from '../../../base/proxies.ts';

/** By the proxy's URL: its connections are kept as long as this process lives. */
const dispatchers = new Map<string, Dispatcher>();

/** One for each call. Throws USAGE for what is no proxy, and PROVIDER_UNAVAILABLE where the way through it fails. */
export function proxiedFetch(provider: string, env: ProxyEnv): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const proxy = proxyFor(url, env);
    if (!proxy) return fetch(input, init);
    const undici = await import('undici');
    let dispatcher = dispatchers.get(proxy.href);
    const token = proxyAuthorization(proxy);
    // In clear a proxy is asked in clear: many allow CONNECT to the port of TLS alone.
    dispatcher ??= new undici.ProxyAgent({ uri: proxy.origin, proxyTunnel: false, ...(token && { token }) });
    dispatchers.set(proxy.href, dispatcher);
    try {
      return (await undici.fetch(url, { ...init, dispatcher } as Parameters<typeof undici.fetch>[1])) as Response;
    } catch (error) {
      if (init?.signal?.aborted) throw error;
      const problem = `${innermost(error)} (asked through the proxy ${proxy.host}; see HTTPS_PROXY, HTTP_PROXY and NO_PROXY)`;
      throw new AppError('PROVIDER_UNAVAILABLE', { provider, problem }, { cause: error });
    }
  };
}

/** What the cause at the bottom says: its code, or its own words. */
function innermost(error: unknown): string {
  let found = error;
  for (let depth = 0; depth < 6 && found instanceof Error && found.cause instanceof Error; depth++) found = found.cause;
  const { code, message } = found as NodeJS.ErrnoException;
  return code !== undefined && /^E[A-Z]+$/.test(code) ? code : (message ?? 'it failed');
}
