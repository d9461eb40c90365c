// Which descriptors of this process a child would get without having been given them. Node opens its own so that they are closed then, but
// whoever started this process, and native code in it, may have opened others.
import { readdirSync, readFileSync } from 'node:fs';

/** O_CLOEXEC, the same on all processors of Linux that Node runs on. */
const CLOSED_ON_EXEC = 0o2000000;

/** Their numbers beside 0, 1 and 2, in ascending order. Synchronous, so that none is opened between this and the start of a child. */
export function inheritedDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > 2 && !isClosedOnExec(fd))
    .sort((a, b) => a - b);
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
