// Looks at a program's processes from outside, where there is no cgroup: memory, time, number. It bounds nothing itself.
import { readdir, readFile } from 'node:fs/promises';
import { AppError } from '../../base/errors.ts';
import type { Meter, MeterReading } from './meter.ts';

/** The kernel's USER_HZ, which is 100 on x64 and arm64. */
const TICK_MS = 10;

const NOTHING: MeterReading = { memoryBytes: 0, cpuMs: 0, processes: 0, killedForMemory: 0, refusedProcesses: 0 };

/**
 * What a socket of the system's own kind may hold: its send buffer, which nobody can raise here, with what the kernel needs beside. Sockets
 * of a network namespace are counted, those on their way to another process too.
 */
const SOCKET_BYTES = 256 << 10;
/** Sockets that cost nothing: what an interpreter opens for itself holds next to nothing. */
const FREE_SOCKETS = 32;

/**
 * Memory is what belongs to the processes alone or is shared among them (not the files they are loaded from), each page once: it
 * is added up by the cheap count that takes shared pages several times, and only when that is too much by the exact one.
 * Whatever a process has reaped is in its own time, so all time is counted but that of children whose parent refused to be told.
 */
export class ProcessTree implements Meter {
  readonly bounds = false;
  readonly #most: number;
  #first = 0;

  /** @param most bytes above which the exact count is made */
  constructor(most: number) {
    this.#most = most;
  }

  async add(pid: number): Promise<void> {
    this.#first = pid;
    await readFile(`/proc/${pid}/task/${pid}/children`).catch((cause: unknown) => {
      const why = 'the kernel does not tell the children of a process (CONFIG_PROC_CHILDREN)';
      throw new AppError('SANDBOX_UNAVAILABLE', { why, todo: 'let the worker make cgroups' }, { cause });
    });
  }

  async read(): Promise<MeterReading> {
    const pids = await descendants(this.#first);
    const seen = await Promise.all(pids.map(look));
    const sum = (of: (one: Look) => number) => seen.reduce((total, one) => total + of(one), 0);
    const kernel = sum((one) => one.tableBytes) + (await this.#socketBytes());
    let memoryBytes = sum((one) => one.memoryBytes) + kernel;
    if (memoryBytes > this.#most) {
      const exact = await Promise.all(pids.map(exactMemory));
      memoryBytes = exact.reduce((total, one) => total + one, kernel);
    }
    return { ...NOTHING, memoryBytes, cpuMs: sum((one) => one.cpuMs), processes: sum((one) => one.threads) };
  }

  /** What is in the buffers cannot be told, so each socket counts as full. */
  async #socketBytes(): Promise<number> {
    const used = Number(/^sockets: used (\d+)/.exec(await text(`/proc/${this.#first}/net/sockstat`))?.[1] ?? 0);
    return Math.max(0, used - FREE_SOCKETS) * SOCKET_BYTES;
  }

  async peak(): Promise<undefined> {}

  async close(): Promise<void> {}
}

async function descendants(first: number): Promise<number[]> {
  const all = [first];
  for (let at = 0; at < all.length; at++) {
    const tasks = await readdir(`/proc/${all[at]}/task`).catch(() => []);
    const lists = await Promise.all(tasks.map((task) => text(`/proc/${all[at]}/task/${task}/children`)));
    for (const list of lists) for (const word of list.split(' ')) if (/^\d+$/.test(word)) all.push(Number(word));
  }
  return all;
}

interface Look {
  readonly memoryBytes: number;
  /** Page tables: what the kernel holds to know where the pages are, also those that hold nothing yet. */
  readonly tableBytes: number;
  readonly cpuMs: number;
  readonly threads: number;
}

/** A process that has ended meanwhile counts as nothing. */
async function look(pid: number): Promise<Look> {
  const [status, stat] = await Promise.all([text(`/proc/${pid}/status`), text(`/proc/${pid}/stat`)]);
  // Behind the name, which may hold anything: utime, stime, cutime, cstime are fields 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
  return {
    memoryBytes: kilobytes(status, 'RssAnon') + kilobytes(status, 'RssShmem'),
    tableBytes: kilobytes(status, 'VmPTE'),
    cpuMs: Number.isFinite(ticks) ? ticks * TICK_MS : 0,
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0),
  };
}

async function exactMemory(pid: number): Promise<number> {
  const rollup = await text(`/proc/${pid}/smaps_rollup`);
  return kilobytes(rollup, 'Pss_Anon') + kilobytes(rollup, 'Pss_Shmem');
}

const kilobytes = (lines: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(lines)?.[1] ?? 0) * 1024;

const text = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
