// Whether a program of the same command line writes to a pipe, as in `slow | bowline ask`: then what it writes is waited for. A pipe that
// only the caller of this process holds open may never end. Looks into /proc; where there is none, nobody is found.
import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** @param fd of the reading end */
export function hasFeeder(fd: number): boolean {
  try {
    const about = fstatSync(fd);
    if (!about.isFIFO()) return false;
    const { group, callers } = own();
    return readdirSync('/proc').some((name) => {
      const pid = Number(name);
      if (!Number.isInteger(pid) || callers.has(pid)) return false;
      return writesTo(pid, `pipe:[${about.ino}]`) ?? parentAndGroup(pid)?.group === group;
    });
  } catch {
    return false;
  }
}

/** The group of this process, and itself with all that started it. */
function own(): { readonly group: number | undefined; readonly callers: ReadonlySet<number> } {
  const callers = new Set<number>();
  for (let pid = process.pid; pid > 0 && !callers.has(pid); pid = parentAndGroup(pid)?.parent ?? 0) callers.add(pid);
  return { group: parentAndGroup(process.pid)?.group, callers };
}

function parentAndGroup(pid: number): { readonly parent: number; readonly group: number } | undefined {
  try {
    // The name may hold spaces and brackets; behind it stand state, parent and group.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, parent, group] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(parent), group: Number(group) };
  } catch {
    return undefined;
  }
}

/** Undefined where its files are not shown to this user, e.g. those of `sudo`. */
function writesTo(pid: number, pipe: string): boolean | undefined {
  let open: string[];
  try {
    open = readdirSync(`/proc/${pid}/fd`);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? undefined : false;
  }
  return open.some((fd) => {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== pipe) return false;
      const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
      return (Number.parseInt(flags, 8) & 3) !== 0;
    } catch {
      // Closed meanwhile.
      return false;
    }
  });
}
