// What commands changed when they were tried, kept until the owner has answered: a folder for each with a plan and the bytes it needs. A
// commit that a kill has cut off is finished at the next start, or taken back where it cannot be.
import { createHash, randomBytes } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Approval,
  ApprovalState,
  type CommandEffect,
} from '../../../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../../../base/errors.ts';
import { isDiskFull, isMissing } from '../../../../base/system-code.ts';
import type { KeptContent } from '../../kept-content.ts';
import { mustBeAsBefore, type StepAt, StepEnded } from './commit-plan.ts';
import { tooManyBytes } from './find-changes.ts';
import { openPlaceIn, type PlanTop, piecesUpTo } from './folder-place.ts';
import {
  type CommitEnd,
  callsByPlan,
  commitEndsOf,
  type PreviewedCall,
  planNameOf,
  type RecoveredCommit,
} from './left-commits.ts';
import { PlanCommit, PROGRESS, whyTakenBack, writeProgress } from './plan-commit.ts';
import { closeAll, openTops, type PlannedFolder, planTops } from './plan-tops.ts';
import type { PlannedChange, PlannedState } from './planned-change.ts';

/** How the command ended that was tried, and what it printed. */
export interface TriedCommand {
  readonly code: number;
  readonly signal: string;
  readonly truncated: boolean;
  readonly elapsedMs: number;
  readonly output: readonly { readonly stream: 'stdout' | 'stderr'; readonly data: string }[];
}

/** How many commits were finished and taken back; the rest is left to the owner. */
interface RecoveredCommits {
  readonly finished: number;
  readonly takenBack: number;
  readonly unclear: number;
  /** By the keys of the calls. Of what is not listed, nobody can tell. */
  readonly ends: ReadonlyMap<string, CommitEnd>;
}

export interface PreviewPlan {
  readonly folders: readonly PlannedFolder[];
  readonly changes: readonly PlannedChange[];
  readonly tried: TriedCommand;
}

/** Is told what each change of a plan replaces, in their order; undefined where that is no file. */
export type KeepReplaced = (replaced: readonly (KeptContent | undefined)[]) => Promise<void>;

const PLAN = 'plan.json';
const DRAFT = 'draft-';
/** Plans that wait at most, and how many of the largest they may be together. The oldest goes, and is asked anew. */
const MOST_PLANS = 32;
const MOST_LARGEST = 8;

export class Previews {
  readonly #dir: string;
  readonly #maxBytes: number;
  /** Begins the names of its scratch folders, and those of no other box. */
  readonly #scratch: string;

  /** @param maxBytes of what one plan keeps: what comes, and what it replaces */
  constructor(dir: string, maxBytes: number) {
    this.#dir = dir;
    this.#maxBytes = maxBytes;
    this.#scratch = `bowline-preview-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}-`;
  }

  /** An empty folder over which copies are mounted; removed by who asked for it, and else at the next start. */
  scratch(): Promise<string> {
    return mkdtemp(join(tmpdir(), this.#scratch));
  }

  async draft(): Promise<PreviewDraft> {
    await this.#makeRoom();
    const dir = this.#draftDir();
    await withRoom(() => mkdir(dir, { recursive: true, mode: 0o700 }));
    return new PreviewDraft(dir, this.#maxBytes, (effect) => join(this.#dir, planNameOf(effect)));
  }

  /** Undefined when nothing was kept for this effect. */
  async planOf(effect: CommandEffect): Promise<PreviewPlan | undefined> {
    return readPlan(join(this.#dir, planNameOf(effect)));
  }

  /**
   * Does exactly what was shown, or nothing. @param keep writes down what is replaced, before anything is
   * @throws APPROVAL_CHANGED when something is not as it was, DISK_FULL: nothing is changed then. PREVIEW_UNCLEAR when it could not be
   * taken back; the next start tries that again
   */
  async commit(effect: CommandEffect, keep: KeepReplaced, step: StepAt = () => {}): Promise<PreviewPlan> {
    const dir = join(this.#dir, planNameOf(effect));
    const plan = await readPlan(dir);
    if (!plan) throw new AppError('APPROVAL_CHANGED');
    await mustNotHaveBegun(dir);
    const tops = await openTops(plan.folders);
    try {
      const opened = planTops(plan.folders, tops);
      await withRoom(() => this.#keepAllBefore(dir, opened, plan.changes)).catch(changedSince);
      await keep(plan.changes.map(({ before }) => replacedContent(dir, before)));
      await withRoom(async () => {
        try {
          step('begin');
          await writeProgress(dir, plan.changes.length);
          await syncFolder(dir);
        } catch (error) {
          if (!(error instanceof StepEnded)) await rm(join(dir, PROGRESS), { force: true });
          throw error;
        }
      });
      const back = await this.#run(dir, opened, plan, step);
      if (back) throw whyTakenBack(back.cause);
    } finally {
      await closeAll(tops);
    }
    return plan;
  }

  /** Does or takes back all, and ends the commit. @returns why it was taken back */
  async #run(dir: string, tops: readonly PlanTop[], { changes }: PreviewPlan, step: StepAt) {
    const progress = await open(join(dir, PROGRESS), 'r+');
    let back: { readonly cause: unknown } | undefined;
    try {
      back = await (await PlanCommit.of({ dir, tops, changes, step }, progress)).run();
    } finally {
      await progress.close();
    }
    if (back) {
      await rm(join(dir, PROGRESS), { force: true });
      await syncFolder(dir);
    }
    // A yes whose change found no room stays good for another try. What cannot be moved away, the next start finds done.
    if (!back || !isDiskFull(back.cause)) await this.#end(dir).catch(() => {});
    return back;
  }

  /** At once: what is half removed would look like a commit that was cut off. */
  async #end(dir: string): Promise<void> {
    const over = this.#draftDir();
    await rename(dir, over);
    await syncFolder(this.#dir);
    await rm(over, { recursive: true, force: true });
  }

  #draftDir(): string {
    return join(this.#dir, `${DRAFT}${randomBytes(8).toString('hex')}`);
  }

  async #makeRoom(): Promise<void> {
    const plans: { dir: string; bytes: number; at: number }[] = [];
    for (const name of await readdir(this.#dir).catch(() => [])) {
      const dir = join(this.#dir, name);
      if (name.startsWith(DRAFT) || (await hasBegun(dir))) continue;
      const sizes = await Promise.all((await readdir(dir).catch(() => [])).map((file) => sizeOf(join(dir, file))));
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      plans.push({
        dir,
        bytes,
        at: await stat(dir).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        ),
      });
    }
    plans.sort((a, b) => a.at - b.at);
    let bytes = plans.reduce((sum, plan) => sum + plan.bytes, 0);
    while (plans.length >= MOST_PLANS || bytes > (MOST_LARGEST - 1) * this.#maxBytes) {
      const oldest = plans.shift();
      if (!oldest) return;
      bytes -= oldest.bytes;
      await this.#drop(oldest.dir);
    }
  }

  /** What was kept for an effect that is not to be done any more. A commit that has begun keeps what it needs. */
  async discard(effect: CommandEffect): Promise<void> {
    const dir = join(this.#dir, planNameOf(effect));
    if (!(await hasBegun(dir))) await this.#drop(dir);
  }

  async #drop(dir: string): Promise<void> {
    await this.#end(dir).catch(unlessMissing);
  }

  /** What was kept for an approval goes with it. */
  async approvalChanged({ state, effect }: Approval): Promise<void> {
    if (effect?.effect.case === 'command' && effect.effect.value.preview && ENDED_STATES.has(state))
      await this.discard(effect.effect.value);
  }

  /** Ends what an earlier start has begun, and removes what it left. */
  async recover(open: readonly PreviewedCall[], step: StepAt = () => {}): Promise<RecoveredCommits> {
    const told = { finished: 0, takenBack: 0, unclear: 0 };
    const ends = new Map<string, CommitEnd>();
    const kept = callsByPlan(open);
    // Only an empty one goes.
    for (const name of await readdir(tmpdir()))
      if (name.startsWith(this.#scratch)) await rmdir(join(tmpdir(), name)).catch(() => {});
    for (const name of await readdir(this.#dir).catch(() => [])) {
      const dir = join(this.#dir, name);
      let how: RecoveredCommit = 'waiting';
      if (!name.startsWith(DRAFT) && (await hasBegun(dir))) how = await this.#recoverOne(dir, step);
      else if (!kept.has(name)) await rm(dir, { recursive: true, force: true });
      if (how !== 'waiting') told[how]++;
      for (const [key, end] of commitEndsOf(kept.get(name) ?? [], how)) ends.set(key, end);
    }
    return { ...told, ends };
  }

  async #recoverOne(dir: string, step: StepAt): Promise<Exclude<RecoveredCommit, 'waiting'>> {
    const plan = await readPlan(dir);
    if (!plan) return 'unclear';
    let tops: FileHandle[] = [];
    try {
      tops = await openTops(plan.folders);
      return (await this.#run(dir, planTops(plan.folders, tops), plan, step)) ? 'takenBack' : 'finished';
    } catch (error) {
      if (error instanceof StepEnded) throw error;
      return 'unclear';
    } finally {
      await closeAll(tops);
    }
  }

  /** Of what is as it was seen. @throws FILE_CHANGED */
  async #keepAllBefore(dir: string, tops: readonly PlanTop[], changes: readonly PlannedChange[]): Promise<void> {
    const gone = new Set<string>();
    for (const change of changes) {
      const at = `${change.folder}/${change.path}`;
      // Where something goes first, nothing is there by then.
      if (!gone.has(at)) await mustBeAsBefore(tops, change);
      if (!change.after) gone.add(at);
      await this.#keepBefore(dir, tops, change);
    }
  }

  /** What a change replaces or removes, so that it can be put back. */
  async #keepBefore(dir: string, tops: readonly PlanTop[], { folder, path, before }: PlannedChange): Promise<void> {
    if (before?.kind !== 'file') return;
    const place = await openPlaceIn(tops[folder]!, path);
    if (!place) throw new AppError('FILE_CHANGED');
    try {
      await copyIn(dir, place.path, before);
    } finally {
      await place.folder.close();
    }
  }
}

/** After these its call does not run. */
const ENDED_STATES: ReadonlySet<ApprovalState> = new Set([
  ApprovalState.DENIED,
  ApprovalState.EXPIRED,
  ApprovalState.WITHDRAWN,
  ApprovalState.CHANGED,
]);

/** A plan in the making. */
export class PreviewDraft {
  readonly #dir: string;
  readonly #placeOf: (effect: CommandEffect) => string;
  #left: number;

  constructor(dir: string, maxBytes: number, placeFor: (effect: CommandEffect) => string) {
    this.#dir = dir;
    this.#left = maxBytes;
    this.#placeOf = placeFor;
  }

  /** @param from a file that holds what comes. @throws PREVIEW_REFUSED when it is too much */
  async keep({ before, after }: PlannedChange, from: string, signal?: AbortSignal): Promise<void> {
    for (const state of [before, after]) if (state?.kind === 'file') this.#left -= state.bytes;
    if (this.#left < 0) throw tooManyBytes();
    if (after?.kind === 'file') await withRoom(() => copyIn(this.#dir, from, after, signal));
  }

  /** Keeps it for the answer. */
  async finish(effect: CommandEffect, plan: PreviewPlan): Promise<void> {
    const place = this.#placeOf(effect);
    await mustNotHaveBegun(place);
    await withRoom(async () => {
      await writeFile(join(this.#dir, PLAN), JSON.stringify(plan), { mode: 0o600, flush: true });
      await syncFolder(this.#dir);
      await rm(place, { recursive: true, force: true });
      await rename(this.#dir, place);
    });
  }

  async close(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }
}

async function readPlan(dir: string): Promise<PreviewPlan | undefined> {
  const text = await readFile(join(dir, PLAN), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as PreviewPlan);
}

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

/** Whether a commit has begun and not ended; where that cannot be read, it may have. */
const hasBegun = (dir: string): Promise<boolean> =>
  stat(join(dir, PROGRESS)).then(
    () => true,
    (error: unknown) => !isMissing(error),
  );

function unlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

/** Until a commit has ended, its bytes are not given up. @throws PREVIEW_UNCLEAR */
async function mustNotHaveBegun(dir: string): Promise<void> {
  if (await hasBegun(dir)) throw new AppError('PREVIEW_UNCLEAR');
}

/** @throws DISK_FULL when there is no room in the home */
async function withRoom<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw isDiskFull(error) ? new AppError('DISK_FULL', { what: 'the preview of a command' }, { cause: error }) : error;
  }
}

/** What was copied beside the plan. */
function replacedContent(dir: string, before: PlannedState | undefined): KeptContent | undefined {
  if (before?.kind !== 'file') return undefined;
  return { bytes: before.bytes, pieces: () => createReadStream(join(dir, before.sha256)) };
}

/** Never more than it should hold. @throws FILE_CHANGED when it holds something else by now */
async function copyIn(dir: string, from: string, { sha256, bytes }: PlannedState, signal?: AbortSignal): Promise<void> {
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const file = await open(join(dir, sha256), 'w', 0o600);
    try {
      const hash = createHash('sha256');
      for await (const piece of piecesUpTo(source, bytes, signal)) {
        hash.update(piece);
        await file.writeFile(piece);
      }
      if (hash.digest('hex') !== sha256) throw new AppError('FILE_CHANGED');
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await source.close();
  }
}

/** What was shown is not what is there. */
function changedSince(error: unknown): never {
  const since = error instanceof AppError && error.reason === 'FILE_CHANGED';
  throw since ? new AppError('APPROVAL_CHANGED', {}, { cause: error }) : error;
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  await folder.sync().finally(() => folder.close());
}
