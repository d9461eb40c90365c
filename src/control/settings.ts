// The table of every setting of the control plane, by area. Parsing, bounds, help and docs are made from it (config.ts,
// commands.ts, scripts/config-docs.ts); it does nothing itself.
import type { Setting, SettingTable } from '../base/settings/setting.ts';
import { namesOf } from '../base/settings/setting-text.ts';
import { KEEP_SETTINGS } from './keep-settings.ts';
import { LISTEN_SETTINGS } from './listen-settings.ts';
import { SESSION_SETTINGS } from './session-settings.ts';
import { SHARE_SETTINGS } from './share-settings.ts';
import { STORE_SETTINGS } from './store-settings.ts';
import { JOB_SETTINGS, RUN_SETTINGS } from './work-settings.ts';

export const GROUPS = {
  stores: 'Database and Redis',
  listen: 'Listening and logging',
  sessions: 'Sessions',
  work: 'Jobs and leases',
  runs: 'Runs',
  shares: 'Fairness and limits',
  keep: 'Retention',
} as const;

export const CONTROL_SETTINGS = {
  ...STORE_SETTINGS,
  ...LISTEN_SETTINGS,
  ...SESSION_SETTINGS,
  ...JOB_SETTINGS,
  ...RUN_SETTINGS,
  ...SHARE_SETTINGS,
  ...KEEP_SETTINGS,
} as const satisfies Record<string, Setting & { readonly group: keyof typeof GROUPS }>;

export const CONTROL_TABLE = {
  program: 'control',
  groups: GROUPS,
  rows: CONTROL_SETTINGS,
} as const satisfies SettingTable;

export type SettingKey = keyof typeof CONTROL_SETTINGS;

/** Every name that may stand in the environment, in the file and behind `--set`. */
export const controlSettingNames = (): string[] => namesOf(CONTROL_TABLE);
