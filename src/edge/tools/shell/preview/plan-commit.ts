// One commit of a plan, in the order of its changes, and its way back. What is done is judged by what is on the disk, never by a count, so
// that it can end anywhere, also in its recovery, and begin again. It is told by the file `progress`, whose room is there before the first change.
import { type FileHandle, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError } from '../../../../base/errors.ts';
import { isDiskFull } from '../../../../base/system-code.ts';
import {
  doChange,
  mostBytesOf,
  mustBeOfNoRepository,
  removeTemporary,
  type StepAt,
  StepEnded,
  stateNow,
} from './commit-plan.ts';
import type { PlanTop } from './folder-place.ts';
import { inverse, type PlannedChange, stateToCome, stepsDone } from './planned-change.ts';

/** Its presence says that the commit has begun. Its first byte says the way, each further one whether a change has begun. */
export const PROGRESS = 'progress';
const ON = '0';
const YES = '1';

export interface CommitParts {
  /** Where the plan and the bytes that it needs lie. */
  readonly dir: string;
  /** The open folders of the plan. */
  readonly tops: readonly PlanTop[];
  readonly changes: readonly PlannedChange[];
  readonly step: StepAt;
}

/** The room for the marks of a commit, on the disk. */
export async function writeProgress(dir: string, changes: number): Promise<void> {
  const file = await open(join(dir, PROGRESS), 'wx', 0o600);
  try {
    await file.writeFile(ON.repeat(changes + 1));
    await file.sync();
  } finally {
    await file.close();
  }
}

export class PlanCommit {
  readonly #parts: CommitParts;
  readonly #progress: FileHandle;
  readonly #marks: string;

  /** @param progress open for reading and writing */
  static async of(parts: CommitParts, progress: FileHandle): Promise<PlanCommit> {
    return new PlanCommit(parts, progress, await progress.readFile('latin1'));
  }

  private constructor(parts: CommitParts, progress: FileHandle, marks: string) {
    this.#parts = parts;
    this.#progress = progress;
    this.#marks = marks;
  }

  /**
   * All of it, or none.
   * @returns why all was taken back; undefined when all is done. @throws PREVIEW_UNCLEAR when neither was possible
   */
  async run(): Promise<{ readonly cause: unknown } | undefined> {
    const { step } = this.#parts;
    let cause: unknown;
    try {
      if (this.#marks[0] !== YES) {
        await this.#goOn();
        return undefined;
      }
    } catch (error) {
      if (error instanceof StepEnded) throw error;
      cause = error;
    }
    // Where this cannot be written, what is below is still done now; only a kill in it would go on again.
    await this.#mark(0, 'back').catch(unlessEnded);
    try {
      await this.#goBack();
    } catch (error) {
      if (error instanceof StepEnded) throw error;
      throw new AppError('PREVIEW_UNCLEAR', {}, { cause: error });
    }
    step('backed');
    return { cause };
  }

  async #goOn(): Promise<void> {
    const { changes, tops, step } = this.#parts;
    await this.#sweep();
    const done = await this.#done(this.#marks);
    if (done.includes(undefined)) throw new AppError('FILE_CHANGED');
    for (const [n, change] of changes.entries()) {
      if (done[n]) continue;
      if (this.#marks[n + 1] !== YES) await this.#mark(n + 1, `mark ${n}`);
      step(`change ${n}`);
      await mustBeOfNoRepository(tops, change, change.before ? '' : basename(change.path));
      await doChange(tops, bare(change), this.#place(n));
    }
    // Another commit, or anybody, may have added the rest of one meanwhile.
    for (const change of changes) await mustBeOfNoRepository(tops, change);
    step('done');
  }

  /** What was changed from outside since is not touched: where it may have been this commit's, nobody knows what was there. */
  async #goBack(): Promise<void> {
    const { changes, tops, step } = this.#parts;
    const marks = await this.#read();
    await this.#sweep();
    const done = await this.#done(marks);
    if (done.some((is, n) => is === undefined && marks[n + 1] === YES)) throw new AppError('FILE_CHANGED');
    for (const [n, change] of [...changes.entries()].reverse()) {
      if (!done[n]) continue;
      step(`back ${n}`);
      await doChange(tops, inverse(change), this.#place(n));
    }
  }

  /** Of each change whether it is done; undefined where what is there is of neither side, or of one that never began. */
  async #done(marks: string): Promise<(boolean | undefined)[]> {
    const { changes, tops } = this.#parts;
    const done: (boolean | undefined)[] = changes.map(() => undefined);
    const places = new Map<string, number[]>();
    for (const [n, { folder, path }] of changes.entries()) {
      const at = `${folder}/${path}`;
      places.set(at, [...(places.get(at) ?? []), n]);
    }
    for (const numbers of places.values()) {
      const all = numbers.map((n) => changes[n]!);
      const now = await stateNow(tops, all[0]!, mostBytesOf(all)).catch(elsewhere);
      const count = now === ELSEWHERE ? undefined : stepsDone(now, all);
      if (count !== undefined)
        for (const [i, n] of numbers.entries()) done[n] = i >= count ? false : marks[n + 1] === YES || undefined;
    }
    return done;
  }

  /** What a kill has left beside the places. */
  async #sweep(): Promise<void> {
    const { changes, tops } = this.#parts;
    for (const [n, change] of changes.entries()) await removeTemporary(tops, change, this.#place(n));
  }

  #place(n: number) {
    const { dir, step } = this.#parts;
    return { content: (sha256: string) => join(dir, sha256), temporary: temporaryOf(dir, n), step };
  }

  async #mark(at: number, name: string): Promise<void> {
    this.#parts.step(name);
    await this.#progress.write(YES, at, 'latin1');
    await this.#progress.datasync();
  }

  async #read(): Promise<string> {
    const buffer = Buffer.alloc(this.#parts.changes.length + 1);
    const { bytesRead } = await this.#progress.read(buffer, 0, buffer.length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  }
}

/** Known from the plan, so that it is found again. */
const temporaryOf = (dir: string, n: number): string =>
  `.bowline-${dir.slice(-12)}${n.toString(16).padStart(4, '0')}.tmp`;

function unlessEnded(error: unknown): void {
  if (error instanceof StepEnded) throw error;
}

/** What was put back by a way back that ended is another inode. */
function bare({ before, ...change }: PlannedChange): PlannedChange {
  return before ? { ...change, before: stateToCome(before) } : change;
}

/** What the error of a commit that was taken back says. */
export const whyTakenBack = (cause: unknown): AppError =>
  isDiskFull(cause)
    ? new AppError('DISK_FULL', { what: 'what the command changed' }, { cause })
    : new AppError('APPROVAL_CHANGED', {}, { cause });

/** A folder on the way is another one by now: nothing of the plan is there. */
const ELSEWHERE = 'elsewhere';

/** Also a pipe or a device is something else than what was there. */
function elsewhere(error: unknown): typeof ELSEWHERE {
  if (error instanceof AppError && (error.reason === 'FILE_CHANGED' || error.reason === 'PREVIEW_REFUSED'))
    return ELSEWHERE;
  throw error;
}
