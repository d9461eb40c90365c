// The HTTP client that dials only what the address policy permits: each connection's address is judged at the moment it is dialled, and
// the address that was judged is the one that is dialled, so a name that changes its answers (DNS rebinding) gains nothing.
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import type { AppError } from '../../../base/errors.ts';
import { bareHost } from '../../../base/host.ts';
import type { AddressPolicy } from './address-policy.ts';
import { notPublic } from './judge-url.ts';
import type { Resolve } from './resolver.ts';
import type { Proxies } from './web-proxies.ts';

export interface AgentOptions {
  readonly policy: Pick<AddressPolicy, 'permits' | 'trusts'>;
  readonly resolve: Resolve;
  readonly silenceMs: number;
  readonly headBytes: number;
  /** Who dials instead of this worker; undefined: nobody. */
  readonly proxies?: Proxies | undefined;
}

/**
 * No HTTP/2, no pipelining; a few connections to each origin, kept for seconds. Through a proxy it is the proxy that looks names up and
 * dials: then the policy judges URLs, and addresses only of hosts that are not asked through it.
 */
export function guardedAgent({ policy, resolve, silenceMs, headBytes, proxies }: AgentOptions): Dispatcher {
  const options: Agent.Options = {
    connections: 4,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: headBytes,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 4000,
    connect: (options, callback) => {
      const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
      const trusted = policy.trusts(bracketed(options.hostname), port);
      const permits = (address: string) => trusted || policy.permits(address, port);
      // A literal is dialled without a lookup.
      const literal = bareHost(options.hostname);
      if (/^[\d.]+$|:/.test(literal) && !permits(literal)) return callback(notPublic(), null);
      const connect = buildConnector({ lookup: judged(resolve, permits), timeout: silenceMs, maxCachedSessions: 0 });
      connect(options, callback);
    },
  };
  // Pages in clear go by CONNECT, too: the proxy learns the host, and not the page.
  return proxies ? new EnvHttpProxyAgent({ ...options, proxyTunnel: true, ...proxies }) : new Agent(options);
}

/** As it stands in a URL; undici takes the brackets of an IPv6 address away. */
const bracketed = (hostname: string): string =>
  hostname.includes(':') && !hostname.startsWith('[') ? `[${hostname}]` : hostname;

/** Node dials what this gives and nothing else, also when it tries several addresses at once. */
function judged(resolve: Resolve, permits: (address: string) => boolean): LookupFunction {
  return (hostname, { all }, callback) => {
    const fail = (error: AppError | NodeJS.ErrnoException) => callback(error as NodeJS.ErrnoException, '', 0);
    resolve(hostname).then(
      (found) => {
        const addresses = found.filter(({ address }) => permits(address));
        const [first] = addresses;
        if (!first) fail(notPublic());
        else if (all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => {
        // A name that does not exist looks like one that leads into a private network.
        const gone = error.code === 'ENOTFOUND' || error.code === 'ENODATA' || error.code === 'EAI_NONAME';
        fail(gone ? notPublic() : error);
      },
    );
  };
}
