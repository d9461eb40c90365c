// Where settings come from, each source as texts by name: flags and environment. Judges names; values are judged in settle.ts.
import { nearestWord } from '../config-file.ts';
import { isOtherName, OTHER_NAMES } from '../env-names.ts';
import { AppError } from '../errors.ts';
import type { Setting, SettingTable } from './setting.ts';
import { namesOf } from './setting-text.ts';

export type Texts = Readonly<Record<string, string | undefined>>;

/** Settings by name as one source has them; an empty text counts as absent. */
export interface SettingTexts {
  readonly from: 'flag' | 'environment' | 'file';
  readonly texts: Texts;
  /** How this source calls a setting; by default by its name. */
  readonly call?: (setting: Setting) => string;
  /** Throws what is wrong with a setting, at its place. */
  fail(name: string, problem: string): never;
}

/** The programs that this one may run beside. */
export interface Beside {
  /** Names of their settings, which may stand in the environment. */
  readonly names: readonly string[];
  /** Whether they stand behind the same `--set`; default false. */
  readonly set?: boolean;
}

/** What the command line sets, by setting name. Throws USAGE for a name that is neither in the table nor behind the same `--set`. */
export function fromFlags(table: SettingTable, texts: Texts, beside: Beside = ALONE): SettingTexts {
  const known = [...namesOf(table), ...(beside.set ? beside.names : [])];
  for (const name of Object.keys(texts)) mustBeKnown(table, name, known);
  return { from: 'flag', texts, fail: usage };
}

/** Throws USAGE for a name that begins like those of the table and that no program knows, most likely a typo. */
export function fromEnvironment(table: SettingTable, texts: Texts, beside: Beside = ALONE): SettingTexts {
  const known = [...namesOf(table), ...beside.names];
  for (const name of Object.keys(texts)) {
    if (name.startsWith(table.prefix ?? 'BOWLINE_') && !isOtherName(name)) mustBeKnown(table, name, known, OTHER_NAMES);
  }
  return { from: 'environment', texts, fail: usage };
}

const ALONE: Beside = { names: [] };

function usage(_name: string, problem: string): never {
  throw new AppError('USAGE', { what: problem });
}

function mustBeKnown(
  { program }: SettingTable,
  name: string,
  known: readonly string[],
  more: readonly string[] = [],
): void {
  if (known.includes(name)) return;
  // Without what they all begin with, or every short name would be near to any other.
  const short = (full: string) => full.replace(/^BOWLINE_/, '');
  const all = [...known, ...more];
  const near = nearestWord(short(name), all.map(short));
  // A unit that was left out (SCAN for SCAN_MS) is more letters than a typo.
  const meant = all.find((full) => short(full) === near) ?? all.find((full) => full.startsWith(`${name}_`));
  const hint = meant ? `did you mean ${meant}?` : `\`bowline ${program} --help\` lists the settings`;
  usage(name, `${name.slice(0, 80)} is no setting; ${hint}`);
}
