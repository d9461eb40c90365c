// Where Redis is and how it is spoken to: the settings, checked and made into options of the driver. Pure but for the file
// of the certificate authority; connects to nothing.
import { readFileSync } from 'node:fs';
import { AppError } from '../../base/errors.ts';
import { bareHost, hostAndPort, isLoopback } from '../../base/host.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** The settings as they were written (names in docs/configuration.md). */
export interface RedisSettings {
  /** `redis://` or `rediss://` (TLS), with user, password and `/db`. Never printed. */
  readonly url: string;
  /** Beginning of every key and channel; default `bowline`. */
  readonly prefix?: string | undefined;
  /** PEM file of the certificate authority; by default those of the system. */
  readonly caFile?: string | undefined;
  /** Allows a Redis beyond loopback without TLS or password; default false. */
  readonly insecure?: boolean | undefined;
  readonly sentinels?: readonly RedisAddress[] | undefined;
  /** The name under which the Sentinels know the master. */
  readonly master?: string | undefined;
  readonly cluster?: readonly RedisAddress[] | undefined;
}

/** Checked settings: who to ask, with what. */
export interface RedisTarget {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server, the Sentinels or the cluster's first nodes; at least one. */
  readonly addresses: readonly RedisAddress[];
  readonly master: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: { readonly ca?: string; readonly servername?: string } | undefined;
  /** `{prefix}`: in braces, so that all keys have one slot of a cluster and scripts may touch several. */
  readonly prefix: string;
  /** Beginning of every channel: channels are common to all databases of a server, keys are not. */
  readonly channels: string;
  /** What may be printed: hosts and ports only. */
  readonly where: string;
}

/** Throws REDIS_UNUSABLE for settings that cannot work, REDIS_INSECURE for a far Redis that anybody on the way could read. */
export function redisTarget(settings: RedisSettings): RedisTarget {
  const url = parse(settings.url);
  const host = bareHost(url.hostname) || '127.0.0.1';
  const own = { host, port: Number(url.port || 6379) };
  const kind = settings.sentinels?.length ? 'sentinel' : settings.cluster?.length ? 'cluster' : 'single';
  const addresses = kind === 'sentinel' ? settings.sentinels : kind === 'cluster' ? settings.cluster : [own];
  const where = (addresses ?? []).map(({ host, port }) => hostAndPort(host, port)).join(', ');
  const unusable = (problem: string) => new AppError('REDIS_UNUSABLE', { where, problem });
  if (kind === 'sentinel' && !settings.master)
    throw unusable('the name of the master that the Sentinels watch is missing');
  const db = dbOf(url.pathname);
  if (db === undefined) throw unusable('the path of its URL is not the number of a database, such as /0');
  if (kind === 'cluster' && db !== 0) throw unusable('a cluster has only database 0');
  const password = decode(url.password);
  const secure = url.protocol === 'rediss:';
  if (!settings.insecure && !addresses?.every(({ host }) => isLoopback(host))) {
    const missing = [secure ? [] : ['TLS'], password ? [] : ['a password']].flat();
    if (missing.length > 0) throw new AppError('REDIS_INSECURE', { where, missing: missing.join(' and ') });
  }
  const prefix = `{${settings.prefix ?? 'bowline'}}`;
  return {
    kind,
    addresses: addresses ?? [],
    master: settings.master,
    username: decode(url.username),
    password,
    db,
    tls: secure ? tlsOf(settings.caFile, where) : undefined,
    prefix,
    channels: db === 0 ? prefix : `${prefix}:db${db}`,
    where,
  };
}

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'redis:' && url?.protocol !== 'rediss:') {
    throw new AppError('REDIS_UNUSABLE', {
      where: 'REDIS_URL',
      problem: 'its URL is not of the form rediss://user:password@host:6379/0',
    });
  }
  return url;
}

function decode(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function dbOf(path: string): number | undefined {
  const text = path.replace(/^\//, '');
  if (text === '') return 0;
  return /^\d{1,4}$/.test(text) ? Number(text) : undefined;
}

function tlsOf(caFile: string | undefined, where: string): { ca?: string } {
  if (!caFile) return {};
  try {
    return { ca: readFileSync(caFile, 'utf8') };
  } catch (cause) {
    const problem = 'the file of BOWLINE_REDIS_CA cannot be read';
    throw new AppError('REDIS_UNUSABLE', { where, problem }, { cause });
  }
}
