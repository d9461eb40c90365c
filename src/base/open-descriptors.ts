// Which descriptors of this process a child would get without having been given them. Node opens all of its own so that they are closed
// then, and no native code is loaded here, so they are those that were there when this process began: looked for once.
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { AppError } from './errors.ts';

/** O_CLOEXEC, the same on all processors of Linux that Node runs on. */
const CLOSED_ON_EXEC = 0o2000000;

/** Highest number of a descriptor that is covered; beyond it nothing is started. */
const MOST_DESCRIPTORS = 4096;

let inherited: ReadonlySet<number> | undefined;

/** For each descriptor of a child: a new pipe, nothing, or one of this process. */
export type Stdio = 'pipe' | 'ignore' | number;

/**
 * Starts a child with exactly the given descriptors: /dev/null takes the place of each that it would inherit beside them.
 * @throws DESCRIPTOR_INHERITED when one has a number too high to be covered
 */
export function withOnly<T>(given: readonly Stdio[], start: (stdio: Stdio[]) => T): T {
  inherited ??= new Set(inheritedDescriptors());
  const last = Math.max(0, ...inherited);
  if (last > MOST_DESCRIPTORS) throw new AppError('DESCRIPTOR_INHERITED', { number: last });
  const nothing = openSync('/dev/null', 'r');
  try {
    const one = (fd: number): Stdio => {
      const wanted = given[fd] ?? 'ignore';
      return wanted === 'ignore' && inherited?.has(fd) ? nothing : wanted;
    };
    return start(Array.from({ length: Math.max(given.length, last + 1) }, (_, fd) => one(fd)));
  } finally {
    closeSync(nothing);
  }
}

/** Their numbers beside 0, 1 and 2. */
function inheritedDescriptors(): number[] {
  const linux = process.platform === 'linux';
  return readdirSync(linux ? '/proc/self/fd' : '/dev/fd')
    .map(Number)
    .filter((fd) => fd > 2 && !(linux && isClosedOnExec(fd)));
}

function isClosedOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & CLOSED_ON_EXEC) !== 0;
  } catch {
    // It is closed already, such as that of the listing itself.
    return true;
  }
}
