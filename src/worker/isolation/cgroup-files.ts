// The names of what is read and written in a cgroup, version 1 and 2, as data.

export type Controller = 'memory' | 'pids' | 'cpu';

/** A file of a controller: its name, and for one that holds several words the one that counts. */
export interface CgroupFile {
  readonly controller: Controller;
  readonly name: string;
  readonly word?: string;
}

export interface CgroupFiles {
  /** Written in this order; those that are not there are left out, but for the first. */
  readonly memoryLimits: readonly CgroupFile[];
  readonly processLimit: CgroupFile;
  /** Written with 1 where it is there: whatever is killed for memory takes the others along. */
  readonly together: CgroupFile | undefined;
  readonly memory: CgroupFile;
  readonly peak: CgroupFile;
  readonly kills: CgroupFile;
  readonly processes: CgroupFile;
  readonly refusals: CgroupFile;
  readonly time: CgroupFile;
  /** Units of `time` in a millisecond. */
  readonly timePerMs: number;
}

const file = (controller: Controller, name: string, word?: string): CgroupFile =>
  word === undefined ? { controller, name } : { controller, name, word };

export const CGROUP_FILES: Readonly<Record<1 | 2, CgroupFiles>> = {
  1: {
    memoryLimits: [file('memory', 'memory.limit_in_bytes'), file('memory', 'memory.memsw.limit_in_bytes')],
    processLimit: file('pids', 'pids.max'),
    together: undefined,
    memory: file('memory', 'memory.usage_in_bytes'),
    peak: file('memory', 'memory.max_usage_in_bytes'),
    kills: file('memory', 'memory.oom_control', 'oom_kill'),
    processes: file('pids', 'pids.current'),
    refusals: file('pids', 'pids.events', 'max'),
    time: file('cpu', 'cpuacct.usage'),
    timePerMs: 1e6,
  },
  2: {
    memoryLimits: [file('memory', 'memory.max'), file('memory', 'memory.swap.max')],
    processLimit: file('pids', 'pids.max'),
    together: file('memory', 'memory.oom.group'),
    memory: file('memory', 'memory.current'),
    peak: file('memory', 'memory.peak'),
    kills: file('memory', 'memory.events', 'oom_kill'),
    processes: file('pids', 'pids.current'),
    refusals: file('pids', 'pids.events', 'max'),
    time: file('cpu', 'cpu.stat', 'usage_usec'),
    timePerMs: 1e3,
  },
};
