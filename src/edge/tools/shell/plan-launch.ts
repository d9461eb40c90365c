// How one command is started: the file, its words, its descriptors, where it starts. Pure.
import type { OpenCommand } from '../../allowlist/open-command.ts';
import type { CommandMounts } from './command-mounts.ts';
import type { Program } from './find-program.ts';
import { type CommandIsolation, userWords } from './isolation.ts';
import { FIRST_DESCRIPTOR, LAUNCH, LAUNCH_AND_STAY } from './launcher.ts';
import { scratch } from './system-view.ts';

export interface Launch {
  readonly file: string;
  readonly words: readonly string[];
  /** What the program finds as its own name. */
  readonly argv0?: string;
  readonly cwd: string;
  /** User of the first process; undefined: that of the edge. */
  readonly uid?: number | undefined;
  /** From 4 on: descriptors of the edge that the command gets, or bytes that its launcher reads there. */
  readonly descriptors: readonly (number | Uint8Array)[];
  /** Whether a launcher tells how far it came. */
  readonly launcher: boolean;
  /** Processes between the one that is started and the command. */
  readonly depth: 0 | 2;
  readonly home: string;
}

export interface LaunchParts {
  readonly program: Program;
  readonly opened: OpenCommand;
  /** Undefined: as the edge itself. */
  readonly isolation: CommandIsolation | undefined;
  /** In bubblewrap. */
  readonly view: CommandMounts | undefined;
  /** More that the launcher compares, as it takes it. */
  readonly checks: readonly string[];
  /** Options of bubblewrap for the network; undefined where there shall be none. */
  readonly network: readonly string[] | undefined;
  readonly uid: number | undefined;
  readonly memoryBytes: number;
  readonly processes: number;
  readonly diskBytes: number;
}

const EMPTY_HOME = '/tmp/home';

export function planLaunch(parts: LaunchParts): Launch {
  const { program, opened, isolation, uid } = parts;
  if (isolation?.kind === 'bubblewrap') return inBubblewrap(isolation, parts);
  const { words, descriptors } = byDescriptor(opened);
  const common = { cwd: ownPath(opened.cwd), descriptors };
  if (isolation === undefined || uid === undefined) {
    const argv0 = opened.argv[0] ?? program.path;
    return { ...common, file: program.path, words, argv0, launcher: false, depth: 0, home: '/' };
  }
  const { namespaces } = isolation;
  // Where it may write there is no bound on all of it together, only on each file.
  const blocks = `${Math.ceil(parts.diskBytes / 512)}`;
  const [file = '', ...more] = [
    ...userWords(uid, { namespaces, network: parts.network !== undefined }),
    ...['/bin/sh', '-c', namespaces ? LAUNCH_AND_STAY : LAUNCH, 'sh', ...limits(parts), blocks, ...parts.checks, '--'],
    ...[program.path, ...words],
  ];
  return { ...common, file, words: more, launcher: true, depth: namespaces ? 2 : 0, home: '/nonexistent' };
}

function inBubblewrap(isolation: CommandIsolation & { kind: 'bubblewrap' }, parts: LaunchParts): Launch {
  const { program, opened, view, network = [], uid, diskBytes } = parts;
  const [, ...words] = opened.argv;
  return {
    file: isolation.program,
    words: [
      ...isolation.options,
      ...network,
      ...[...scratch(diskBytes), '--dir', EMPTY_HOME, ...(view?.options ?? [])],
      // The root is a file system in memory without a size: nothing may be written there.
      ...['--remount-ro', '/', '--chdir', opened.cwd.realPath, '--'],
      ...[
        '/bin/sh',
        '-c',
        LAUNCH,
        'sh',
        ...limits(parts),
        'unlimited',
        ...(view?.checks ?? []),
        ...parts.checks,
        '--',
        program.path,
        ...words,
      ],
    ],
    cwd: '/',
    uid,
    descriptors: isolation.filter ? [isolation.filter] : [],
    launcher: true,
    depth: 2,
    home: EMPTY_HOME,
  };
}

const limits = ({ memoryBytes, processes }: LaunchParts): string[] => [
  `${Math.ceil(memoryBytes / 1024)}`,
  `${processes}`,
];

/** Words that are paths become descriptors, so that no name is followed a second time. */
function byDescriptor({ argv, paths }: OpenCommand): { readonly words: string[]; readonly descriptors: number[] } {
  const words = argv.slice(1);
  if (process.platform !== 'linux') return { words, descriptors: [] };
  const descriptors: number[] = [];
  for (const [at, { handle }] of paths) {
    words[at - 1] = `/proc/self/fd/${FIRST_DESCRIPTOR + descriptors.length}`;
    descriptors.push(handle.fd);
  }
  return { words, descriptors };
}

/** A folder by its descriptor in this process, which is what the child starts from. */
const ownPath = ({ handle, realPath }: OpenCommand['cwd']): string =>
  process.platform === 'linux' ? `/proc/${process.pid}/fd/${handle.fd}` : realPath;
