// The first program of a command that is tried on a copy: it puts an overlay over each folder, in namespaces of its own, and stays when the
// command has ended, until what changed was read.
import { CHANGED, STATUS_FD } from '../launcher.ts';

/** Its word when the command has ended; the exit code follows. */
export const ENDED = 'ended';

/** It ends when this descriptor is closed at the other end. */
export const HOLD_FD = 5;

/** Makes namespaces in which mounts can be made, and of which all processes end with the edge. */
export const IN_NAMESPACES = [
  ...['setpriv', '--pdeathsig', 'KILL', 'unshare', '--user', '--map-root-user', '--mount'],
  ...['--pid', '--fork', '--kill-child=KILL'],
];

/**
 * Arguments: an empty folder, bytes, then pairs of `device:inode` and path of each folder, `--`, and the command. All that is written lies
 * in one file system in memory with a size. Folder N is found as `lN` there, what was changed of it in `uN`, and both together in `mN`.
 */
export const OVERLAY = [
  'mount -t tmpfs -o "size=$2,mode=0700" tmpfs "$1" && cd "$1" || exit 1',
  'shift 2; n=0',
  'while [ "$1" != -- ]; do',
  '  mkdir l$n u$n w$n m$n && mount --rbind "$2" l$n || exit 1',
  `  [ "$(stat -Lc %d:%i l$n)" = "$1" ] || { echo ${CHANGED} >&${STATUS_FD}; exit 1; }`,
  '  chmod "$(stat -Lc %a l$n)" u$n || exit 1',
  '  mount -t overlay overlay -o "lowerdir=l$n,upperdir=u$n,workdir=w$n,userxattr" m$n || exit 1',
  '  n=$((n+1)); shift 2',
  'done',
  `shift; "$@" ${HOLD_FD}<&-`,
  `code=$?; echo "${ENDED} $code" >&${STATUS_FD}; read -r go <&${HOLD_FD}`,
  'exit $code',
].join('\n');
