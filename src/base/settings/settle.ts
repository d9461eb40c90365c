// Makes the frozen values of a table from its sources. It reads nothing but files that hold a secret, and knows no rule that
// holds between settings: those are the program's.
import { readHandedOver } from '../private-file.ts';
import { Secret } from '../secret.ts';
import { fallbackValue, parseSetting } from './parse-setting.ts';
import type { Setting, SettingRows, SettingTable, SettingValue, SettingValues } from './setting.ts';
import { fallbackText, fileVariant } from './setting-text.ts';
import type { SettingTexts } from './sources.ts';

export interface SettledSettings<R extends SettingRows = SettingRows> {
  readonly config: SettingValues<R>;
  /** One row per setting in the order of the table; secrets are masked. */
  readonly rows: readonly EffectiveSetting[];
}

export interface EffectiveSetting {
  readonly name: string;
  readonly value: string | null;
  readonly from: SettingTexts['from'] | 'default';
}

/** Takes each setting from the first source that has it. Throws USAGE, or what the source throws for its own mistakes. */
export function settle<R extends SettingRows>(
  table: SettingTable<R>,
  sources: readonly SettingTexts[],
): SettledSettings<R> {
  const values: [string, SettingValue][] = [];
  const rows: EffectiveSetting[] = [];
  for (const [key, setting] of Object.entries<Setting>(table.rows)) {
    const found = find(setting, sources);
    values.push([key, found ? found.value : fallbackValue(setting)]);
    const shown = found?.value instanceof Secret ? found.value.toString() : (found?.text ?? fallbackText(setting));
    rows.push({ name: setting.env, value: shown ?? null, from: found?.from ?? 'default' });
  }
  return { config: Object.freeze(Object.fromEntries(values)) as SettingValues<R>, rows };
}

interface Found {
  readonly text: string;
  readonly value: SettingValue;
  readonly from: SettingTexts['from'];
}

function find(setting: Setting, sources: readonly SettingTexts[]): Found | undefined {
  for (const { from, texts, fail, call } of sources) {
    const direct = texts[setting.env] || undefined;
    const file = setting.kind === 'secret' ? texts[fileVariant(setting)] || undefined : undefined;
    if (setting.kind === 'secret' && direct && file) {
      return fail(setting.env, `${setting.env} and ${fileVariant(setting)} are both set; keep one of them`);
    }
    const text = file === undefined ? direct : readHandedOver(file);
    if (text === undefined) continue;
    const parsed = parseSetting(setting, text, call?.(setting));
    if ('value' in parsed) return { text, value: parsed.value, from };
    return fail(setting.env, file === undefined ? parsed.problem : `${parsed.problem} (it was read from ${file})`);
  }
  return undefined;
}
