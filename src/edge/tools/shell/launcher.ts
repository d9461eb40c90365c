// The first program of an isolated command: a fixed script that sets the limits of a process, looks whether what the command sees is still
// what was opened, says so, waits for the word of the edge, and becomes the command.

/** Where it tells how far it came: one line. */
export const STATUS_FD = 3;

/** Before it descriptors have fixed uses. */
export const FIRST_DESCRIPTOR = 4;

/** Its lines. */
export const READY = 'ready';
export const CHANGED = 'changed';

/** What it waits for there: where the edge has ended meanwhile nothing begins, and all that ends it later is in place by then. */
export const GO = 'go\n';

/** Open files of one process. */
const FILES = 1024;

/**
 * Arguments: kilobytes of private memory of a process, processes, blocks of 512 bytes of a file that is written, then pairs of
 * `device:inode` or `device:inode:size:second of its last change` and path, `--`, and the command. dash and busybox call the number of
 * processes -p, bash -u. What is lower already stays so.
 */
export const LAUNCH = [
  `ulimit -c 0; ulimit -n ${FILES} 2>/dev/null; ulimit -d "$1" 2>/dev/null`,
  'ulimit -u "$2" 2>/dev/null || ulimit -p "$2" 2>/dev/null',
  'ulimit -f "$3" 2>/dev/null',
  'shift 3',
  'while [ "$1" != -- ]; do',
  '  case "$(command -p stat -Lc %d:%i:%s:%Z -- "$2" 2>/dev/null):" in',
  `    "$1":*) ;; *) echo ${CHANGED} >&${STATUS_FD}; exit 1 ;;`,
  '  esac',
  '  shift 2',
  'done',
  `shift; echo ${READY} >&${STATUS_FD}; read -r go <&${STATUS_FD} || exit 1; exec ${STATUS_FD}>&-`,
  'exec "$@"',
].join('\n');

/** The same for the first process of a namespace, which the system would spare from signals: it stays, and ends with the command. */
export const LAUNCH_AND_STAY = LAUNCH.replace(/exec "\$@"$/, '"$@"\nexit $?');
