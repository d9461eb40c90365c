// Where settings of the edge come from beside config.yaml: `--set` and the environment.
import { flagTexts } from '../../base/settings/setting-flags.ts';
import { fromEnvironment, fromFlags, type SettingTexts, type Texts } from '../../base/settings/sources.ts';
import { EDGE_TABLE } from './edge-settings.ts';

export const EXAMPLE = 'BOWLINE_EDGE_PARALLEL=8';

/** The strongest first. @throws USAGE for what is no setting of the edge */
export const settingSources = (set: readonly string[], env: Texts): readonly SettingTexts[] => [
  fromFlags(EDGE_TABLE, flagTexts(EDGE_TABLE, { set }, EXAMPLE)),
  fromEnvironment(EDGE_TABLE, env),
];

/** Of what `--set` of `bowline up` says, what is meant for the edge. */
export const edgeSet = (set: readonly string[]): readonly string[] =>
  set.filter((text) => text.startsWith(EDGE_TABLE.prefix));
