// The configuration of the control plane: its settings from flags, environment and file, and the rules that they must keep
// together. It reads nothing but files that hold a secret.
import { AppError } from '../base/errors.ts';
import { isLoopback } from '../base/host.ts';
import type { SettingValues } from '../base/settings/setting.ts';
import { type SettledSettings, settle } from '../base/settings/settle.ts';
import { fromEnvironment, fromFlags, type SettingTexts, type Texts } from '../base/settings/sources.ts';
import { CONTROL_SETTINGS, CONTROL_TABLE, type SettingKey } from './settings.ts';

/** The settings by key; what each means, its unit, default and bounds stand in the table. */
export type ControlConfig = SettingValues<typeof CONTROL_SETTINGS>;

/** The settings from the environment alone, with flags by setting name before it. Throws USAGE that names the setting. */
export function controlConfig(env: Texts, flags: Texts = {}): ControlConfig {
  return settleControl([fromFlags(CONTROL_TABLE, flags), fromEnvironment(CONTROL_TABLE, env)]).config;
}

/** Takes each setting from the first source that has it. Throws USAGE, or what the source throws for its own mistakes. */
export function settleControl(sources: readonly SettingTexts[]): SettledSettings<typeof CONTROL_SETTINGS> {
  const settled = settle(CONTROL_TABLE, sources);
  mustFitTogether(settled.config);
  return settled;
}

function mustFitTogether(config: ControlConfig): void {
  const name = (key: SettingKey) => CONTROL_SETTINGS[key].env;
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) {
    usage(`${name('tlsCert')} and ${name('tlsKey')} go together; one is missing`);
  }
  if (config.leaseMs < 2 * config.scanMs) {
    usage(`${name('leaseMs')} must be at least twice ${name('scanMs')}, or leases lapse while held`);
  }
  if (config.redisUrl && !config.databaseUrl) {
    usage(
      'REDIS_URL is set and DATABASE_URL is not: the embedded database cannot be shared by replicas. Set DATABASE_URL to a Postgres too, or leave REDIS_URL out',
    );
  }
  for (const [store, key] of [
    ['folder', 'blobFolder'],
    ['s3', 's3Bucket'],
  ] as const) {
    if (config.blobStore === store && config[key] === undefined)
      usage(`${name('blobStore')}=${store} needs ${name(key)}`);
  }
  const { s3Endpoint = 'https:' } = config;
  if (!config.s3Insecure && !s3Endpoint.startsWith('https:') && !isLoopback(new URL(s3Endpoint).hostname)) {
    usage(`${name('s3Endpoint')} has no TLS: use https://, or set ${name('s3Insecure')}=1 in a network that you trust`);
  }
  const sentinels = config.redisSentinels.length > 0;
  const cluster = config.redisCluster.length > 0;
  if ((sentinels || cluster) && !config.redisUrl) {
    const which = sentinels ? name('redisSentinels') : name('redisCluster');
    usage(`${which} needs REDIS_URL too, which says user, password and TLS`);
  }
  if (sentinels && cluster) {
    usage(`${name('redisSentinels')} and ${name('redisCluster')} exclude each other`);
  }
  if (sentinels !== (config.redisMaster !== undefined)) {
    usage(`${name('redisSentinels')} and ${name('redisMaster')} go together; one is missing`);
  }
}

function usage(problem: string): never {
  throw new AppError('USAGE', { what: problem });
}
