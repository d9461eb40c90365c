// The end of the newest segment: allocates space ahead, writes a batch in one call, syncs it. It decides nothing about
// who may write; a failed sync is reported as fatal and never retried.
//
// Why zeros ahead: blocks that are already allocated can be written on a full disk, so room for an outcome is real and
// not just counted; and a sync inside them needs no new file size, so it is one device write less.
import { AppError } from '../../base/errors.ts';
import { isDiskFull, systemCode } from '../../base/system-code.ts';
import type { FsFile } from './fs-port.ts';

const ZEROS = new Uint8Array(32 << 10);

export class SegmentWriter {
  readonly file: FsFile;
  #end: number;
  #allocated: number;

  /** @param end where the last batch ends @param allocated size of the file; all behind `end` is zeros */
  constructor(file: FsFile, end: number, allocated: number) {
    this.file = file;
    this.#end = end;
    this.#allocated = allocated;
  }

  get end(): number {
    return this.#end;
  }

  /** Up to where writing needs no new space. */
  get allocated(): number {
    return this.#allocated;
  }

  /**
   * Makes the file at least `size` long, in steps of `step`; false when the disk has no room (then nothing changed).
   * @throws JOURNAL_FAILED when a sync or the cleaning up failed
   */
  async allocate(size: number, step: number): Promise<boolean> {
    if (size <= this.#allocated) return true;
    const generous = Math.ceil(size / step) * step;
    for (const target of generous > size ? [generous, size] : [size]) {
      try {
        for (let at = this.#allocated; at < target; ) {
          const written = await this.file.write(ZEROS.subarray(0, Math.min(ZEROS.length, target - at)), at);
          if (written === 0) throw new AppError('DISK_FULL', { what: 'the journal' });
          at += written;
        }
      } catch (error) {
        await this.#truncate(this.#allocated, error);
        if (isDiskFull(error) || (error instanceof AppError && error.reason === 'DISK_FULL')) continue;
        throw new AppError('JOURNAL_WRITE', { problem: systemCode(error) }, { cause: error });
      }
      await this.sync();
      this.#allocated = target;
      return true;
    }
    return false;
  }

  /**
   * Writes the batch at the end and syncs it. A failed or short write leaves the file as it was, cut at the last batch.
   * @throws DISK_FULL, JOURNAL_WRITE (nothing was kept), JOURNAL_FAILED (fatal)
   */
  async append(batch: Uint8Array): Promise<void> {
    try {
      const written = await this.file.write(batch, this.#end);
      if (written < batch.length)
        throw new AppError('JOURNAL_WRITE', { problem: `short write, ${written} of ${batch.length} bytes` });
    } catch (error) {
      await this.#truncate(this.#end, error);
      this.#allocated = this.#end;
      if (error instanceof AppError) throw error;
      if (isDiskFull(error)) throw new AppError('DISK_FULL', { what: 'the journal' }, { cause: error });
      throw new AppError('JOURNAL_WRITE', { problem: systemCode(error) }, { cause: error });
    }
    await this.sync();
    this.#end += batch.length;
    this.#allocated = Math.max(this.#allocated, this.#end);
  }

  /** @throws JOURNAL_FAILED */
  async sync(): Promise<void> {
    try {
      await this.file.datasync();
    } catch (error) {
      throw journalFailed('fdatasync failed', error);
    }
  }

  async #truncate(size: number, reason: unknown): Promise<void> {
    try {
      await this.file.truncate(size);
    } catch (error) {
      throw journalFailed('a write failed and could not be cut off', new AggregateError([reason, error]));
    }
  }
}

/** What ends the process: memory and disk may differ from now on. */
export function journalFailed(problem: string, cause: unknown): AppError {
  return new AppError('JOURNAL_FAILED', { problem: `${problem} (${systemCode(cause) || 'unknown error'})` }, { cause });
}
