// How commands are kept apart from the home of Bowline and from each other: in bubblewrap, or as a user of their own. Found out once, by
// trying, at the start.
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { type BubblewrapWay, bubblewrapsIn, firstWay } from '../../../base/bubblewrap.ts';
import { commandFilter } from '../../../base/seccomp-filter.ts';
import { FIRST_DESCRIPTOR, GO, LAUNCH, STATUS_FD } from './launcher.ts';
import { OwnUsers } from './own-users.ts';
import { scratch, systemView } from './system-view.ts';

/** The system read-only and otherwise only what a command is given; namespaces and an empty home of its own. */
export interface BubblewrapIsolation {
  readonly kind: 'bubblewrap';
  readonly program: string;
  /** Words that stand before the program: what ends all of it with the edge; none where this machine does not allow that. */
  readonly guard: readonly string[];
  /** Options that stand before those of the command. */
  readonly options: readonly string[];
  /** Filter of system calls, read by bubblewrap from the first descriptor; undefined on processors for which there is none. */
  readonly filter: Uint8Array | undefined;
  /** For an edge that is root: whom commands run as. */
  readonly users: OwnUsers | undefined;
}

/** A user of its own, for an edge that is root and a home that only root can enter. What anyone may read can be read. */
export interface UserIsolation {
  readonly kind: 'user';
  readonly users: OwnUsers;
  /** Whether namespaces can be made: then a command sees no other process, and no network. */
  readonly namespaces: boolean;
}

export type CommandIsolation = BubblewrapIsolation | UserIsolation;

/**
 * What this machine offers, the better one first; undefined when nothing does, and then only entries with `isolation: none` run.
 * @param firstUser the first of the user ids that commands of an edge run as root may have
 */
export async function findIsolation(home: string, firstUser: number): Promise<CommandIsolation | undefined> {
  if (process.platform !== 'linux') return undefined;
  const users = process.getuid?.() === 0 ? new OwnUsers(firstUser) : undefined;
  return (await findBubblewrapIsolation(users)) ?? (users && (await isClosed(home)) ? findUsers(users) : undefined);
}

/** Bubblewrap, tried with a harmless command; undefined where it is missing or not permitted. */
export async function findBubblewrapIsolation(users?: OwnUsers): Promise<BubblewrapIsolation | undefined> {
  const system = await systemView();
  const filter = commandFilter(process.arch);
  const filtered = filter ? ['--seccomp', `${FIRST_DESCRIPTOR}`] : [];
  for (const program of (await bubblewrapsIn()).found) {
    const optionsOf = ({ proc, usersOff }: BubblewrapWay) => [
      ...[...BUBBLEWRAP, ...(usersOff ? ['--disable-userns'] : []), ...filtered, ...system],
      ...[proc ? '--proc' : '--dir', '/proc'],
    ];
    for (const guard of [GUARD, []]) {
      const way = await firstWay(filter !== undefined, (one) => {
        const tried = [...optionsOf(one), ...scratch(65_536), '--remount-ro', '/', '--', ...TRIAL];
        return works([...guard, program, ...tried], users?.first, filter);
      });
      if (way) return { kind: 'bubblewrap', program, guard, options: optionsOf(way), filter, users };
    }
  }
  return undefined;
}

/** A user of its own by setpriv, with namespaces where they can be made; undefined without setpriv. */
export async function findUsers(users: OwnUsers): Promise<UserIsolation | undefined> {
  for (const namespaces of [true, false]) {
    const words = [...userWords(users.first, { namespaces, network: false }), ...TRIAL];
    if (await works(words)) return { kind: 'user', users, namespaces };
  }
  return undefined;
}

/** The words that make a user of its own, and where they can be had namespaces that end with their first process. */
export function userWords(uid: number, how: { readonly namespaces: boolean; readonly network: boolean }): string[] {
  const { namespaces, network } = how;
  const own = ['--pid', '--fork', '--kill-child', '--mount-proc', '--ipc', '--uts', ...(network ? [] : ['--net'])];
  const user = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', '--no-new-privs', '--bounding-set=-all'];
  // The wish to end with the parent is lost when the user changes.
  return [
    ...(namespaces ? ['setpriv', '--pdeathsig', 'KILL', 'unshare', ...own] : []),
    ...['setpriv', ...user, '--inh-caps=-all', '--pdeathsig', 'KILL'],
  ];
}

/**
 * A namespace of processes whose first one ends with the edge, and with it all, wherever it is by then: bubblewrap that is ended while it
 * begins leaves a child behind that waits for it for ever.
 */
const GUARD = [
  ...['setpriv', '--pdeathsig', 'KILL', 'unshare', '--user', '--map-current-user'],
  ...['--pid', '--fork', '--kill-child=KILL'],
];

const BUBBLEWRAP = ['--die-with-parent', '--new-session', '--unshare-all', '--unshare-user', '--cap-drop', 'ALL'];

/** Starts a process beside the first one, within the limits of a command. */
const TRIAL = ['/bin/sh', '-c', LAUNCH, 'sh', '65536', '16', 'unlimited', '--', '/bin/sh', '-c', '/bin/true; exit 0'];

/** Whether only its owner, root, can enter a folder. */
async function isClosed(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined);
  return found !== undefined && found.uid === 0 && (found.mode & 0o077) === 0;
}

function works([program = '', ...args]: readonly string[], uid?: number, filter?: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const user = uid === undefined ? {} : { uid, gid: uid };
    // The fourth is where the launcher tells how far it came.
    const stdio: ('ignore' | 'pipe')[] = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'];
    const child = spawn(program, args, { stdio, timeout: 5000, env: { PATH: SYSTEM_PATH }, cwd: '/', ...user });
    for (const stream of child.stdio) stream?.on('error', () => {});
    (child.stdio[FIRST_DESCRIPTOR] as Writable | null)?.end(filter ?? '');
    (child.stdio[STATUS_FD] as Writable | null)?.write(GO);
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** Where programs of the system lie. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
