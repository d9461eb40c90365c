// What a setting is, and what a program's table of settings is made of. Types alone; each program has its own table.
import type { Secret } from '../secret.ts';

interface Common {
  /** The name everywhere: in the environment, in the file, for `--set`. */
  readonly env: string;
  /** A key of the table's groups. */
  readonly group: string;
  readonly what: string;
  /** Its key in the file, where that is no plain list of names: `limits.parallel`. */
  readonly key?: string;
  /** A flag of its own, beside `--set`, with the name of its value: `--port <number>`. */
  readonly flag?: string;
}

export interface NumberSetting extends Common {
  readonly kind: 'number';
  readonly unit: 'ms' | 'seconds' | 'minutes' | 'hours' | 'days' | 'bytes' | 'count';
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** A time as a number with its unit, `90d`, or `forever`, which is an infinite number of milliseconds. */
export interface TimeSetting extends Common {
  readonly kind: 'time';
  /** As it would be written. */
  readonly fallback: string;
  /** Milliseconds. */
  readonly min: number;
  readonly max: number;
}

/** A text with a shape; without a fallback it may be absent. */
export interface TextSetting extends Common {
  readonly kind: 'text';
  readonly shape: RegExp;
  readonly like: string;
  readonly fallback: string | undefined;
}

export interface ChoiceSetting extends Common {
  readonly kind: 'choice';
  readonly of: readonly string[];
  readonly fallback: string;
}

/** 0 or 1; 0 by default. */
export interface SwitchSetting extends Common {
  readonly kind: 'switch';
}

/** `host:port`, several by commas. */
export interface AddressesSetting extends Common {
  readonly kind: 'addresses';
}

/** Texts of one shape, several by commas; `like` is such a list. */
export interface ListSetting extends Common {
  readonly kind: 'list';
  readonly item: RegExp;
  readonly like: string;
  /** How many there may be. */
  readonly most: number;
  readonly fallback: readonly string[];
}

/** A file or folder; a relative one begins where the program was started. Without a fallback it may be absent. */
export interface PathSetting extends Common {
  readonly kind: 'path';
  readonly fallback: string | undefined;
}

/** Never printed. `<env>_FILE` names a file that holds it. */
export interface SecretSetting extends Common {
  readonly kind: 'secret';
  readonly shape: RegExp;
  readonly like: string;
}

export type Setting =
  | NumberSetting
  | TimeSetting
  | TextSetting
  | ChoiceSetting
  | SwitchSetting
  | AddressesSetting
  | ListSetting
  | PathSetting
  | SecretSetting;

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** What a row of the table becomes. */
export type SettingValue<S extends Setting = Setting> = S extends { kind: 'number' | 'time' }
  ? number
  : S extends { kind: 'switch' }
    ? boolean
    : S extends { kind: 'addresses' }
      ? readonly HostPort[]
      : S extends { kind: 'list' }
        ? readonly string[]
        : S extends { kind: 'secret' }
          ? Secret | undefined
          : S extends { kind: 'choice'; of: readonly (infer Choice)[] }
            ? Choice
            : S extends { fallback: string }
              ? string
              : string | undefined;

export type SettingRows = Readonly<Record<string, Setting>>;

/** All settings of one program. */
export interface SettingTable<R extends SettingRows = SettingRows> {
  /** The verb that takes them. */
  readonly program: string;
  /** Their file in the home; by default `<program>.yaml`. */
  readonly file?: string;
  /** Names of the environment that begin so must be in a table; by default `BOWLINE_`. */
  readonly prefix?: string;
  /** Titles of the groups, in the order of help and docs. */
  readonly groups: Readonly<Record<string, string>>;
  /** By the key of the setting in the settled configuration. */
  readonly rows: R;
}

/** The settings by key; what each means, its unit, default and bounds stand in the table. */
export type SettingValues<R extends SettingRows> = { readonly [K in keyof R]: SettingValue<R[K]> };
