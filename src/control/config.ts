// The configuration of the control plane: every setting of the table from flags, environment and file, checked and
// frozen. It reads nothing but files that hold a secret; the control file is read by control-file.ts.
import { nearest } from '../base/config-file.ts';
import { isOtherName, OTHER_NAMES } from '../base/env-names.ts';
import { AppError } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { fallbackValue, parseSetting, type SettingValue } from './parse-setting.ts';
import { readSecretFile } from './secret-setting.ts';
import {
  fallbackText,
  fileVariant,
  SETTINGS,
  type Setting,
  type SettingKey,
  settingNames,
  settingRows,
} from './settings.ts';

/** The settings by key; what each means, its unit, default and bounds stand in the table. */
export type ControlConfig = { readonly [K in SettingKey]: SettingValue<(typeof SETTINGS)[K]> };

export type Texts = Readonly<Record<string, string | undefined>>;

/** Settings by name as one source has them; an empty text counts as absent. */
export interface SettingTexts {
  readonly from: 'flag' | 'environment' | 'file';
  readonly texts: Texts;
  /** Throws what is wrong with a setting, at its place. */
  fail(name: string, problem: string): never;
}

export interface Settled {
  readonly config: ControlConfig;
  /** One row per setting in the order of the table; secrets are masked. */
  readonly rows: readonly EffectiveSetting[];
}

export interface EffectiveSetting {
  readonly name: string;
  readonly value: string | null;
  readonly from: SettingTexts['from'] | 'default';
}

/** The settings from the environment alone, with flags by setting name before it. Throws USAGE that names the setting. */
export function controlConfig(env: Texts, flags: Texts = {}): ControlConfig {
  return settle([fromFlags(flags), fromEnvironment(env)]).config;
}

/** What the command line sets, by setting name. Throws USAGE for a name that is no setting. */
export function fromFlags(texts: Texts): SettingTexts {
  for (const name of Object.keys(texts)) mustBeKnown(name, settingNames());
  return { from: 'flag', texts, fail: usage };
}

/** Throws USAGE for a name that begins with BOWLINE_ and that no program knows, most likely a typo. */
export function fromEnvironment(texts: Texts): SettingTexts {
  const known = settingNames();
  for (const name of Object.keys(texts)) {
    if (name.startsWith('BOWLINE_') && !isOtherName(name)) mustBeKnown(name, known, OTHER_NAMES);
  }
  return { from: 'environment', texts, fail: usage };
}

/** Takes each setting from the first source that has it. Throws USAGE, or what the source throws for its own mistakes. */
export function settle(sources: readonly SettingTexts[]): Settled {
  const values: [SettingKey, SettingValue][] = [];
  const rows: EffectiveSetting[] = [];
  for (const [key, setting] of settingRows()) {
    const found = find(setting, sources);
    values.push([key, found ? found.value : fallbackValue(setting)]);
    const shown = found?.value instanceof Secret ? found.value.toString() : (found?.text ?? fallbackText(setting));
    rows.push({ name: setting.env, value: shown ?? null, from: found?.from ?? 'default' });
  }
  const config = Object.freeze(Object.fromEntries(values)) as ControlConfig;
  mustFitTogether(config);
  return { config, rows };
}

interface Found {
  readonly text: string;
  readonly value: SettingValue;
  readonly from: SettingTexts['from'];
}

function find(setting: Setting, sources: readonly SettingTexts[]): Found | undefined {
  for (const { from, texts, fail } of sources) {
    const direct = texts[setting.env] || undefined;
    const file = setting.kind === 'secret' ? texts[fileVariant(setting)] || undefined : undefined;
    if (setting.kind === 'secret' && direct && file) {
      return fail(setting.env, `${setting.env} and ${fileVariant(setting)} are both set; keep one of them`);
    }
    const text = file === undefined ? direct : readSecretFile(file);
    if (text === undefined) continue;
    const parsed = parseSetting(setting, text);
    if ('value' in parsed) return { text, value: parsed.value, from };
    return fail(setting.env, file === undefined ? parsed.problem : `${parsed.problem} (it was read from ${file})`);
  }
  return undefined;
}

function mustFitTogether(config: ControlConfig): void {
  const name = (key: SettingKey) => SETTINGS[key].env;
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) {
    usage(name('tlsCert'), `${name('tlsCert')} and ${name('tlsKey')} go together; one is missing`);
  }
  if (config.leaseMs < 2 * config.scanMs) {
    usage(name('leaseMs'), `${name('leaseMs')} must be at least twice ${name('scanMs')}, or leases lapse while held`);
  }
  if (config.redisUrl && !config.databaseUrl) {
    usage(
      name('redisUrl'),
      'REDIS_URL is set and DATABASE_URL is not: the embedded database cannot be shared by replicas. Set DATABASE_URL to a Postgres too, or leave REDIS_URL out',
    );
  }
  const sentinels = config.redisSentinels.length > 0;
  const cluster = config.redisCluster.length > 0;
  if ((sentinels || cluster) && !config.redisUrl) {
    const which = sentinels ? name('redisSentinels') : name('redisCluster');
    usage(which, `${which} needs REDIS_URL too, which says user, password and TLS`);
  }
  if (sentinels && cluster) {
    usage(name('redisCluster'), `${name('redisSentinels')} and ${name('redisCluster')} exclude each other`);
  }
  if (sentinels !== (config.redisMaster !== undefined)) {
    usage(name('redisMaster'), `${name('redisSentinels')} and ${name('redisMaster')} go together; one is missing`);
  }
}

function usage(_name: string, problem: string): never {
  throw new AppError('USAGE', { what: problem });
}

function mustBeKnown(name: string, known: readonly string[], more: readonly string[] = []): void {
  if (known.includes(name)) return;
  // Without what they all begin with, or every short name would be near to any other.
  const short = (full: string) => full.replace(/^BOWLINE_/, '');
  const all = [...known, ...more];
  const near = nearest(short(name), all.map(short));
  // A unit that was left out (SCAN for SCAN_MS) is more letters than a typo.
  const meant = all.find((full) => short(full) === near) ?? all.find((full) => full.startsWith(`${name}_`));
  const hint = meant ? `did you mean ${meant}?` : '`bowline control --help` lists the settings';
  usage(name, `${name.slice(0, 80)} is no setting; ${hint}`);
}
