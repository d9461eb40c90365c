// Opens the capability `web`: puts its parts together from its settings.
import type { Clock } from '../../../base/clock.ts';
import type { SettingValues } from '../../../base/settings/setting.ts';
import type { DocumentParser } from '../../documents/document.ts';
import { openParser } from '../../documents/open-parser.ts';
import { type DocumentRows, parserSettings } from '../../documents/setting-rows.ts';
import type { CapabilityParts, ServedCapability } from '../../kit/capability.ts';
import { AddressPolicy } from './address-policy.ts';
import { guardedAgent } from './guarded-agent.ts';
import { HostLine } from './host-line.ts';
import { HttpCache } from './http-cache.ts';
import { type Resolve, systemResolve } from './resolver.ts';
import type { SearchParts } from './search-web.ts';
import type { WEB_ROWS } from './setting-rows.ts';
import { WebClient } from './web-client.ts';
import { webHandler } from './web-handler.ts';
import { type Proxies, proxiesOf } from './web-proxies.ts';
import { brave, searxng, WEB_DEFAULTS, type WebSettings } from './web-settings.ts';

type WebRows = SettingValues<typeof WEB_ROWS> & DocumentRows;

/** Throws PARSER_UNAVAILABLE where documents cannot be parsed in isolation. */
export async function openWeb({ clock, log, settings: all, env }: CapabilityParts<WebRows>): Promise<ServedCapability> {
  const settings = webSettings(all);
  const parser = await openParser(settings.parser, { clock, log });
  const policy = new AddressPolicy({ ports: settings.ports, privateHosts: settings.privateHosts });
  const proxies = all.webProxy === 'environment' ? proxiesOf(env) : undefined;
  return assembleWeb({ settings, parser, policy, resolve: systemResolve, clock, proxies });
}

export interface WebAssembly {
  readonly settings: WebSettings;
  /** Closed with the capability. */
  readonly parser: DocumentParser;
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  readonly clock: Clock;
  readonly proxies?: Proxies | undefined;
}

export function assembleWeb({ settings, parser, policy, resolve, clock, proxies }: WebAssembly): ServedCapability {
  const { silenceMs, headBytes, longestPauseMs, cacheBytes } = settings;
  const agent = guardedAgent({ policy, resolve, silenceMs, headBytes, proxies });
  const turns = new HostLine(clock, longestPauseMs);
  const cache = new HttpCache(cacheBytes, clock);
  const client = new WebClient({ agent, policy, turns, cache, settings, clock });
  const search = searchParts(settings, resolve, clock, proxies);
  return {
    handler: webHandler({ client, parser, settings, clock, search }),
    close: async () => {
      await Promise.all([agent.destroy(), search?.agent.destroy(), parser.close()]);
    },
  };
}

function searchParts(
  settings: WebSettings,
  resolve: Resolve,
  clock: Clock,
  proxies: Proxies | undefined,
): SearchParts | undefined {
  const { search, silenceMs, headBytes, userAgent } = settings;
  if (!search) return undefined;
  // The one host that the operator chose; only this client asks it, and only with searches.
  const policy = { permits: () => true, trusts: () => true };
  const agent = guardedAgent({ policy, resolve, silenceMs, headBytes, proxies });
  return { settings: search, agent, userAgent, clock };
}

const webSettings = (all: WebRows): WebSettings => ({
  ...WEB_DEFAULTS,
  userAgent: all.webUserAgent,
  ports: all.webPorts.map(Number),
  privateHosts: all.webPrivateHosts,
  robotsForFetch: !all.webFetchIgnoresRobots,
  requestMs: all.webRequestMs,
  slowBytes: all.webSlowBytes,
  bodyBytes: all.webBodyBytes,
  cacheBytes: all.webCacheBytes,
  pauseMs: all.webPauseMs,
  crawlMs: all.webCrawlMs,
  crawlBytes: all.webCrawlBytes,
  parser: parserSettings(all),
  search: all.webSearxngUrl ? searxng(all.webSearxngUrl) : all.webBraveKey && brave(all.webBraveKey, all.webBraveUrl),
});
