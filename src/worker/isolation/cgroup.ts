// One cgroup for one isolated program: made with its limits, read while it runs, removed after it. It starts and ends nothing.
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { CGROUP_FILES, type CgroupFile, type CgroupFiles, type Controller } from './cgroup-files.ts';
import type { Meter, MeterReading } from './meter.ts';

/** Where cgroups may be made. */
export interface CgroupPlace {
  readonly version: 1 | 2;
  /** The folder above, for each controller; in version 2 the same for all. `memory` and `pids` are always there. */
  readonly parents: Readonly<Partial<Record<Controller, string>>>;
}

/** Begins the name of every cgroup made here; the process id of the worker follows. */
export const CGROUP_NAME = 'bowline-sandbox-';

export interface CgroupLimits {
  readonly memoryBytes: number;
  readonly processes: number;
}

const REMEDY = 'see that the worker may write to its cgroup, or that it cannot at all';

/** Makes one. Throws SANDBOX_UNAVAILABLE, and leaves nothing, where the limits cannot be set. */
export async function makeCgroup(place: CgroupPlace, name: string, limits: CgroupLimits): Promise<Cgroup> {
  const files = CGROUP_FILES[place.version];
  const group = new Cgroup(files, place, `${CGROUP_NAME}${name}`);
  try {
    for (const folder of group.folders) await mkdir(folder);
    const [first, ...others] = files.memoryLimits;
    await group.write(first!, limits.memoryBytes);
    // A machine without swap has no file for it, and version 2 counts swap apart: there it may use none.
    for (const other of others) {
      await group.write(other, place.version === 1 ? limits.memoryBytes : 0).catch(() => undefined);
    }
    await group.write(files.processLimit, limits.processes);
    if (files.together) await group.write(files.together, 1).catch(() => undefined);
    return group;
  } catch (cause) {
    await group.close();
    throw new AppError(
      'SANDBOX_UNAVAILABLE',
      { why: 'the limits of a cgroup could not be set', todo: REMEDY },
      { cause },
    );
  }
}

export class Cgroup implements Meter {
  readonly bounds = true;
  readonly folders: readonly string[];
  readonly #files: CgroupFiles;
  readonly #paths: ReadonlyMap<Controller, string>;

  constructor(files: CgroupFiles, place: CgroupPlace, name: string) {
    this.#files = files;
    this.#paths = new Map(
      (Object.entries(place.parents) as [Controller, string][]).map(([controller, parent]) => [
        controller,
        join(parent, name),
      ]),
    );
    this.folders = [...new Set(this.#paths.values())];
  }

  async add(pid: number): Promise<void> {
    const into = (folder: string) => writeFile(join(folder, 'cgroup.procs'), String(pid), { flag: 'r+' });
    try {
      await Promise.all(this.folders.map(into));
    } catch (cause) {
      throw new AppError(
        'SANDBOX_UNAVAILABLE',
        { why: 'a process could not be put into its cgroup', todo: REMEDY },
        { cause },
      );
    }
  }

  async read(): Promise<MeterReading> {
    const { memory, time, timePerMs, processes, kills, refusals } = this.#files;
    const [memoryBytes, spent, count, killed, refused] = await Promise.all(
      [memory, time, processes, kills, refusals].map((file) => this.#number(file)),
    );
    return {
      memoryBytes: memoryBytes ?? 0,
      cpuMs: spent === undefined ? undefined : spent / timePerMs,
      processes: count ?? 0,
      killedForMemory: killed ?? 0,
      refusedProcesses: refused ?? 0,
    };
  }

  peak(): Promise<number | undefined> {
    return this.#number(this.#files.peak);
  }

  async close(): Promise<void> {
    for (const folder of this.folders) await rmdir(folder).catch(() => undefined);
  }

  /** Writes to a controller that is there. */
  async write({ controller, name }: CgroupFile, value: number): Promise<void> {
    const folder = this.#paths.get(controller);
    // 'r+' and not 'w': a file of a cgroup is never made.
    if (folder !== undefined) await writeFile(join(folder, name), String(value), { flag: 'r+' });
  }

  /** The number in a file, or behind its word; undefined where there is none. */
  async #number({ controller, name, word }: CgroupFile): Promise<number | undefined> {
    const folder = this.#paths.get(controller);
    const text = folder && (await readFile(join(folder, name), 'utf8').catch(() => undefined));
    if (!text) return undefined;
    const line = word === undefined ? text : text.split('\n').find((one) => one.startsWith(`${word} `));
    const value = Number(line?.slice(word === undefined ? 0 : word.length));
    return line !== undefined && Number.isFinite(value) ? value : undefined;
  }
}
