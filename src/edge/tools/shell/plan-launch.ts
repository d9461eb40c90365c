// How one command is started: the file, its words, its descriptors, where it starts. Pure.
import type { OpenCommand } from '../../allowlist/open-command.ts';
import type { CommandMounts } from './command-mounts.ts';
import type { Program } from './find-program.ts';
import { type CommandIsolation, userWords } from './isolation.ts';
import { FIRST_DESCRIPTOR, LAUNCH, LAUNCH_AND_STAY } from './launcher.ts';
import { IN_NAMESPACES, OVERLAY } from './preview/overlay-script.ts';
import { scratch } from './system-view.ts';

export interface Launch {
  readonly file: string;
  readonly words: readonly string[];
  /** What the program finds as its own name. */
  readonly argv0?: string;
  readonly cwd: string;
  /** User of the first process; undefined: that of the edge. */
  readonly uid?: number | undefined;
  /** Its group, where that is not called as the user. */
  readonly gid?: number | undefined;
  /** From 4 on: descriptors of the edge that the command gets, or bytes that its launcher reads there. */
  readonly descriptors: readonly (number | Uint8Array | typeof HELD)[];
  /** Whether a launcher tells how far it came. */
  readonly launcher: boolean;
  /** Processes between the one that is started and the command. */
  readonly depth: 0 | 2 | 3 | 4;
  readonly home: string;
}

/** A descriptor that is closed when what a command has left was seen. */
export const HELD = 'held';

/** Folders that a command changes on a copy. */
export interface OverlayLaunch {
  /** An empty folder, in which the copies are made. */
  readonly scratch: string;
  readonly folders: readonly { readonly path: string; readonly check: string }[];
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
  readonly gid?: number | undefined;
  /** Undefined: it changes what it changes. Only in bubblewrap. */
  readonly overlay?: OverlayLaunch | undefined;
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
  const { opened, network = [], view, uid, gid, overlay, diskBytes } = parts;
  const words = [
    ...isolation.options,
    ...network,
    ...[...scratch(diskBytes), '--dir', EMPTY_HOME, ...(view?.options ?? [])],
    // The root is a file system in memory without a size: nothing may be written there.
    ...['--remount-ro', '/', '--chdir', opened.cwd.realPath, '--', ...launched(parts)],
  ];
  const filter = isolation.filter ? [isolation.filter] : [];
  const common = { cwd: '/', uid, gid, launcher: true, home: EMPTY_HOME };
  if (!overlay) {
    const [first = '', ...all] = [...isolation.guard, isolation.program, ...words];
    return { ...common, file: first, words: all, descriptors: filter, depth: isolation.guard.length > 0 ? 3 : 2 };
  }
  const [file = '', ...before] = IN_NAMESPACES;
  const folders = overlay.folders.flatMap(({ check, path }) => [check, path]);
  const made = ['/bin/sh', '-c', OVERLAY, 'sh', overlay.scratch, `${diskBytes}`, ...folders, '--'];
  const whose = ['--uid', `${uid ?? process.getuid?.()}`, '--gid', `${gid ?? process.getgid?.()}`];
  return {
    ...common,
    file,
    words: [...before, ...made, isolation.program, ...whose, ...words],
    // The one that is held has a fixed number.
    descriptors: [isolation.filter ?? new Uint8Array(), HELD],
    depth: 4,
  };
}

/** The launcher of a command and what it becomes. */
const launched = (parts: LaunchParts): string[] => [
  ...[
    '/bin/sh',
    '-c',
    LAUNCH,
    'sh',
    ...limits(parts),
    'unlimited',
    ...(parts.view?.checks ?? []),
    ...parts.checks,
    '--',
  ],
  ...[parts.program.path, ...parts.opened.argv.slice(1)],
];

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
