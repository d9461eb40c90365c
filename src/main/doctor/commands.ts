// What `doctor` looks at of the commands that models may run: what keeps them apart here, and whether they can be tried on a copy first. It
// tries both as the edge does at its start, and changes nothing.
import { homePaths } from '../../base/home.ts';
import { type EdgeConfig, loadEdgeConfig } from '../../edge/config/edge-config.ts';
import { findIsolation } from '../../edge/tools/shell/isolation.ts';
import { findPreviewProblem } from '../../edge/tools/shell/preview/find-preview.ts';
import { folderOwnerOf } from '../../edge/tools/shell/preview/folder-owner.ts';
import { type DoctorFinding, ok, warning } from './finding.ts';

const NEEDS =
  'it needs Linux 5.11 or newer with overlays and user namespaces for everyone, and bubblewrap, unshare, setpriv and mount; see docs/security.md';
const OWNER = 'give the folders of its `writes` to one user who is not root, with chown';

/** How it is found out; tests say other things. */
export interface CommandLooks {
  readonly isolation: typeof findIsolation;
  readonly preview: typeof findPreviewProblem;
}

/** Nothing where no entry of config.yaml runs a command that is kept apart. */
export async function commands(
  home: string,
  looks: CommandLooks = { isolation: findIsolation, preview: findPreviewProblem },
): Promise<DoctorFinding[]> {
  const config = configOf(home);
  const entries = config?.execute.filter(({ isolation }) => isolation === 'auto') ?? [];
  if (!config || entries.length === 0) return [];
  const isolation = await looks.isolation(home, config.commandUid);
  if (!isolation) {
    const remedy = 'install bubblewrap, or run the edge as root with setpriv and unshare';
    return [warning('commands', 'nothing here keeps a command apart from the home: they are refused', remedy)];
  }
  const how = isolation.kind === 'bubblewrap' ? `in ${isolation.program}` : 'as users of their own';
  const found: DoctorFinding[] = [
    isolation.kind === 'bubblewrap' && isolation.guard.length === 0
      ? warning(
          'commands',
          `run ${how}; one that begins while the edge is killed may go on`,
          'install util-linux 2.36 or newer',
        )
      : ok('commands', `run ${how}`),
  ];
  const tried = entries.filter(({ preview }) => preview);
  if (tried.length === 0) return found;
  const problem = await looks.preview(isolation);
  if (problem) return [...found, warning('previews', `commands are asked for without one: ${problem}`, NEEDS)];
  const owners: DoctorFinding[] = [];
  for (const { argv, writes } of tried) {
    const { problem: whose } = await folderOwnerOf(writes, isolation);
    if (whose) owners.push(warning('previews', `${argv.join(' ')} is asked for without one: ${whose}`, OWNER));
  }
  return [...found, ...(owners.length > 0 ? owners : [ok('previews', 'commands can be tried on a copy')])];
}

/** Undefined for what another finding tells. */
export function configOf(home: string): EdgeConfig | undefined {
  try {
    return loadEdgeConfig(homePaths(home).config);
  } catch {
    return undefined;
  }
}
