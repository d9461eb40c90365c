// Opens the capability `web`: puts its parts together from its settings.
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { Secret } from '../../../base/secret.ts';
import type { Capability, CapabilityParts } from '../../capability.ts';
import type { DocumentParser } from '../../documents/document.ts';
import { openParser } from '../../documents/open-parser.ts';
import { readPrivate } from '../../private-file.ts';
import { AddressPolicy } from './address-policy.ts';
import { guardedAgent } from './guarded-agent.ts';
import { HostTurns } from './host-turns.ts';
import { HttpCache } from './http-cache.ts';
import { type Resolve, systemResolve } from './resolver.ts';
import type { SearchParts } from './search.ts';
import { WebClient } from './web-client.ts';
import { webHandler } from './web-handler.ts';
import { WEB_DEFAULTS, type WebSettings } from './web-settings.ts';

/** Throws PARSER_UNAVAILABLE where documents cannot be parsed in isolation, and SECRET_FILE_UNSAFE. */
export async function openWeb({ clock, log }: CapabilityParts): Promise<Capability> {
  const settings = WEB_DEFAULTS;
  const parser = await openParser(settings.parser, { clock, log });
  const policy = new AddressPolicy({ ports: settings.ports });
  return assembleWeb({ settings, parser, policy, resolve: systemResolve, clock });
}

export interface WebAssembly {
  readonly settings: WebSettings;
  /** Closed with the capability. */
  readonly parser: DocumentParser;
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  readonly clock: Clock;
}

export function assembleWeb({ settings, parser, policy, resolve, clock }: WebAssembly): Capability {
  const { silenceMs, headBytes, longestPauseMs, cacheBytes } = settings;
  const agent = guardedAgent({ policy, resolve, silenceMs, headBytes });
  const turns = new HostTurns(clock, longestPauseMs);
  const cache = new HttpCache(cacheBytes, clock);
  const client = new WebClient({ agent, policy, turns, cache, settings, clock });
  const search = searchParts(settings, resolve, clock);
  return {
    handler: webHandler({ client, parser, settings, clock, search }),
    close: async () => {
      await Promise.all([agent.destroy(), search?.agent.destroy(), parser.close()]);
    },
  };
}

function searchParts(settings: WebSettings, resolve: Resolve, clock: Clock): SearchParts | undefined {
  const { search, silenceMs, headBytes, userAgent } = settings;
  if (!search) return undefined;
  // The one host that the operator chose; only this client asks it, and only with searches.
  const policy = { permits: () => true };
  const agent = guardedAgent({ policy, resolve, silenceMs, headBytes });
  return { settings: search, key: search.key && readKey(search.key.file), agent, userAgent, clock };
}

function readKey(file: string): Secret {
  const text = readPrivate(file, { ours: false })?.trim();
  if (!text)
    throw new AppError('SECRET_FILE_UNSAFE', { file, problem: text === undefined ? 'is not there' : 'is empty' });
  return new Secret(text);
}
