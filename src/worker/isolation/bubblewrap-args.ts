// The words that bubblewrap is called with. Pure: what this machine offers and what is to run go in, a list comes out.
import { type BubblewrapWay, DESCRIPTOR_LINKS } from '../../base/bubblewrap.ts';
import { EXTRA, FOLDER, type IsolatedLimits, type Mount, SCRATCH } from './isolated-spec.ts';

/** Nobody, in there. */
const NOBODY = '65534';

/** Descriptors beside the three of every program; those of placed files follow. */
export const FD = { info: 3, ready: 4, go: 5, filter: 6, users: 7, files: 8 } as const;

/** How bubblewrap is used on this machine. */
export interface Bubblewrap extends BubblewrapWay {
  readonly program: string;
  /** Options for the system's folders. */
  readonly system: readonly string[];
  /** Filter of system calls; undefined on processors for which there is none. */
  readonly filter: Uint8Array | undefined;
  /** Whom bubblewrap runs as, for a worker that is root; undefined: as the worker. */
  readonly as: { readonly uid: number; readonly gid: number } | undefined;
}

/** What a user is called inside, for programs that ask. */
export const USERS = `nobody:x:${NOBODY}:${NOBODY}:nobody:${FOLDER}:/bin/sh\n`;

/**
 * The first process inside, a fixed script: limits of a process, then it waits until the worker has seen to the limits of all.
 * When the program has ended it ends too, and with it, as the first of its namespace, the kernel ends whatever else there is.
 * dash and busybox call the number of processes -p, bash -u.
 */
const FIRST = [
  'ulimit -c 0; ulimit -n "$5"; ulimit -S -t "$1"; ulimit -H -t "$2"; ulimit -d "$3"',
  'ulimit -u "$4" 2>/dev/null || ulimit -p "$4" || exit 1',
  'shift 5; printf r >&4; IFS= read -r go <&5 || exit 1; exec 4>&- 5<&-',
  '"$@"',
  'exit $?',
].join('\n');

/** Of one process; fewer where what lies in pipes is counted by nobody. */
const OPEN_FILES = 512;
const FEWER_OPEN_FILES = 256;

export interface BubblewrapCall {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** Paths of the placed files, in the order of their descriptors. */
  readonly files: readonly string[];
  readonly limits: IsolatedLimits;
  /** Most processes of its user, the first one included. */
  readonly userProcesses: number;
  /** Most bytes of private memory of one process; undefined where all of them are bounded together. */
  readonly dataBytes: number | undefined;
}

export function bubblewrapArgs(bubblewrap: Bubblewrap, call: BubblewrapCall): string[] {
  const { proc, usersOff, filter, system } = bubblewrap;
  const { argv, env, mounts, files, limits, userProcesses, dataBytes } = call;
  const seconds = Math.ceil(limits.cpuMs / 1000) + 1;
  const openFiles = dataBytes === undefined ? OPEN_FILES : FEWER_OPEN_FILES;
  const kilobytes = dataBytes === undefined ? 'unlimited' : String(Math.ceil(dataBytes / 1024));
  const all = { PATH: `${EXTRA}/bin:/usr/bin:/bin`, HOME: FOLDER, LANG: 'C.UTF-8', ...env };
  return [
    ...ALWAYS,
    ...(usersOff ? ['--disable-userns'] : []),
    ...(filter ? ['--seccomp', String(FD.filter)] : []),
    ...Object.entries(all).flatMap(([name, value]) => ['--setenv', name, value]),
    ...system,
    ...(proc ? ['--proc', '/proc', ...DESCRIPTOR_LINKS] : []),
    ...['--perms', '0444', '--file', String(FD.users), '/etc/passwd'],
    ...mounts.flatMap(({ from, to }) => ['--ro-bind', from, to]),
    ...['--size', String(limits.diskBytes), '--perms', '0700', '--tmpfs', SCRATCH, '--dir', FOLDER],
    ...['--symlink', SCRATCH, '/dev/shm'],
    ...files.flatMap((path, i) => ['--perms', '0644', '--file', String(FD.files + i), path]),
    // The root is a file system in memory without a size: nothing may be written there.
    ...['--remount-ro', '/', '--chdir', FOLDER, '--info-fd', String(FD.info), '--'],
    ...[
      '/bin/sh',
      '-c',
      FIRST,
      'sh',
      String(seconds),
      String(seconds + 1),
      kilobytes,
      String(userProcesses),
      String(openFiles),
    ],
    ...argv,
  ];
}

const ALWAYS = [
  ...['--unshare-all', '--unshare-user', '--uid', NOBODY, '--gid', NOBODY, '--hostname', 'sandbox'],
  ...['--cap-drop', 'ALL', '--new-session', '--die-with-parent', '--as-pid-1', '--clearenv'],
];
