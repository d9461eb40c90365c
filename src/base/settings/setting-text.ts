// A setting in words: its names, its default as it would be written, what may be written. Pure.
import type { SecretSetting, Setting, SettingTable } from './setting.ts';

/** The name under which a secret is read from a file of its own. */
export const fileVariant = (setting: SecretSetting): string => `${setting.env}_FILE`;

/** The file in the home that holds the settings of a program. */
export const fileName = ({ program, file }: SettingTable): string => file ?? `${program}.yaml`;

/** Every name that may stand in the environment, in the file and behind `--set`. */
export function namesOf(table: SettingTable): string[] {
  return Object.values(table.rows).flatMap((setting) =>
    setting.kind === 'secret' ? [setting.env, fileVariant(setting)] : [setting.env],
  );
}

/** What holds when nothing is set, as it would be written; undefined where that is nothing. */
export function fallbackText(setting: Setting): string | undefined {
  switch (setting.kind) {
    case 'number':
    case 'choice':
      return String(setting.fallback);
    case 'text':
    case 'time':
    case 'path':
      return setting.fallback;
    case 'list':
      return setting.fallback.join(',') || undefined;
    case 'switch':
      return '0';
    default:
      return undefined;
  }
}

/** What may be written, in words. */
export function shapeText(setting: Setting): string {
  switch (setting.kind) {
    case 'number':
      return `a whole number${setting.unit === 'count' ? '' : ` of ${setting.unit === 'ms' ? 'milliseconds' : setting.unit}`} from ${setting.min} to ${setting.max}`;
    case 'time':
      return `a time like 15m, 36h or 90d from ${spanText(setting.min)} to ${spanText(setting.max)}, or forever`;
    case 'choice':
      return `one of ${setting.of.join(', ')}`;
    case 'switch':
      return '0 or 1';
    case 'addresses':
      return 'a list like host:port,host:port';
    case 'list':
      return `a list like ${setting.like}, of at most ${setting.most}`;
    case 'path':
      return 'a path';
    default:
      return setting.like;
  }
}

/** `90d`: in the largest unit that leaves a whole number. */
function spanText(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return 'forever';
  const [size, unit] = TIME_UNITS.find(([size]) => ms >= size && ms % size === 0) ?? [1_000, 's'];
  return `${ms / size}${unit}`;
}

const TIME_UNITS: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
];
