// What was piped into asks: a private file in the home for each run, under one name. A run sees its own and no other; it goes with the
// end of the run. Nothing else opens it: the home is denied to every path.
import { constants, realpathSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { MAX_PIPED_BYTES, PIPED_NAME } from '../../contract/piped-name.ts';
import { inRoot, type JudgedPath } from '../allowlist/judge-path.ts';
import type { OpenFile } from '../allowlist/open-file.ts';
import type { EdgeLimits } from '../config/edge-settings.ts';
import type { Blobs } from '../journal/blobs.ts';

export class PipedInput {
  readonly #dir: string;
  readonly #blobs: Pick<Blobs, 'put' | 'remove' | 'keep' | 'names'>;
  readonly #of = new Map<string, JudgedPath>();

  /** @param blobs of the folder `dir`, which is there */
  constructor(dir: string, blobs: Pick<Blobs, 'put' | 'remove' | 'keep' | 'names'>) {
    this.#dir = realpathSync(dir);
    this.#blobs = blobs;
  }

  /** Takes up what open runs of earlier starts were given, by the real path of each; whatever else is there goes. */
  async start(open: ReadonlyMap<string, string>): Promise<void> {
    const there = new Set(this.#blobs.names());
    const kept = [...open].map(([run, path]) => [run, basename(path)] as const).filter(([, name]) => there.has(name));
    for (const [run, name] of kept) this.#of.set(run, this.#place(name));
    await this.#blobs.keep(new Set(kept.map(([, name]) => name)));
  }

  /** Keeps the bytes for a run; resolves when they are on the disk. @throws LIMIT_EXCEEDED, DISK_FULL, JOURNAL_WRITE */
  async put(
    run: string,
    bytes: Uint8Array,
    limits: Pick<EdgeLimits, 'file_bytes' | 'share_bytes'>,
  ): Promise<JudgedPath> {
    mustFit(bytes.length, limits);
    const judged = this.#place(await this.#blobs.put(bytes));
    this.#of.set(run, judged);
    return judged;
  }

  /** What was piped into the ask of this run. */
  of(run: string): JudgedPath | undefined {
    return this.#of.get(run);
  }

  /** The same, where a path names it. */
  named(run: string, path: string): JudgedPath | undefined {
    return path === PIPED_NAME ? this.of(run) : undefined;
  }

  /** Whether a place is one of these. */
  holds(judged: JudgedPath): boolean {
    return [...this.#of.values()].includes(judged);
  }

  /** @throws FILE_NOT_FOUND */
  async open(judged: JudgedPath): Promise<OpenFile> {
    const handle = await open(judged.path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause: unknown) => {
      throw new AppError('FILE_NOT_FOUND', {}, { cause });
    });
    return { handle, stat: await handle.stat({ bigint: true }), realPath: judged.path, judged };
  }

  /** Removes what was piped into the ask of this run. */
  async remove(run: string): Promise<void> {
    const judged = this.#of.get(run);
    if (!judged) return;
    this.#of.delete(run);
    await this.#blobs.remove(basename(judged.path));
  }

  #place(name: string): JudgedPath {
    const path = join(this.#dir, name);
    return inRoot({ name: PIPED_NAME, path, realPath: path, readable: true }, '');
  }
}

function mustFit(bytes: number, limits: Pick<EdgeLimits, 'file_bytes' | 'share_bytes'>): void {
  const what = 'what was piped in';
  if (bytes > MAX_PIPED_BYTES)
    throw fixedLimit(what, `${MAX_PIPED_BYTES} bytes`, 'put it into a file, and --share lines of it');
  for (const setting of ['file_bytes', 'share_bytes'] as const) {
    const limit = limits[setting];
    if (bytes > limit)
      throw new AppError('LIMIT_EXCEEDED', { what, limit, setting: `limits.${setting} in config.yaml` });
  }
}
