// The proxies that the environment names, for workers that are set to use them. Pure.
import { AppError } from '../../../base/errors.ts';
import { namedProxy, noProxyOf, type ProxyEnv } from '../../../base/proxies.ts';

/** Empty: none. */
export interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  /** Hosts that are asked without one, with commas, as curl has it. */
  readonly noProxy: string;
}

/** As curl reads them, small names first. Throws USAGE for what is no proxy, and where none is named. */
export function proxiesOf(env: ProxyEnv): Proxies {
  const named = (name: string) => (namedProxy(env, name.toLowerCase()) ?? namedProxy(env, name))?.href ?? '';
  const proxies = {
    httpProxy: named('HTTP_PROXY'),
    httpsProxy: named('HTTPS_PROXY'),
    noProxy: noProxyOf(env),
  };
  if (proxies.httpProxy !== '' || proxies.httpsProxy !== '') return proxies;
  throw new AppError('USAGE', {
    what: 'BOWLINE_WEB_PROXY is environment, but neither HTTPS_PROXY nor HTTP_PROXY is set',
  });
}
