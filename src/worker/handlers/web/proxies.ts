// The proxies that the environment names, for workers that are set to use them. Pure.
import { AppError } from '../../../base/errors.ts';
import type { Env } from '../../key-ref.ts';

/** Empty: none. */
export interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  /** Hosts that are asked without one, with commas, as curl has it. */
  readonly noProxy: string;
}

/** As curl reads them, small names first. Throws CONFIG_INVALID for what is no proxy, and where none is named. */
export function proxiesOf(env: Env): Proxies {
  const proxies = {
    httpProxy: proxyOf(env, 'http_proxy') || proxyOf(env, 'HTTP_PROXY'),
    httpsProxy: proxyOf(env, 'https_proxy') || proxyOf(env, 'HTTPS_PROXY'),
    noProxy: env.no_proxy || env.NO_PROXY || '',
  };
  if (proxies.httpProxy === '' && proxies.httpsProxy === '') {
    throw invalid('BOWLINE_WEB_PROXY is environment, but neither HTTPS_PROXY nor HTTP_PROXY is set');
  }
  return proxies;
}

function proxyOf(env: Env, name: string): string {
  const said = env[name]?.trim() ?? '';
  if (said === '') return '';
  const url = URL.parse(said.includes('://') ? said : `http://${said}`);
  // Its value may hold a password.
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid(`${name} is no proxy of the form http://host:port`);
  }
  return url.href;
}

const invalid = (what: string): AppError => new AppError('USAGE', { what });
