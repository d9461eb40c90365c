// One change of a preview, as it is kept between the preview and the commit. Pure.

/** What has a name: a file, a folder, a symbolic link. */
export interface PlannedState {
  readonly kind: 'file' | 'folder' | 'link';
  /** Permission bits; of a link 0. */
  readonly mode: number;
  /** SHA-256 in hex of what a file holds, or where a link leads; empty for a folder. */
  readonly sha256: string;
  readonly bytes: number;
  /** Where a link leads. Not there where that is not UTF-8: such a link is looked at and never made. */
  readonly target?: string;
  /** Of what is there already: which one it is. */
  readonly device?: string;
  readonly inode?: string;
  /** And whose. */
  readonly uid?: number;
  readonly gid?: number;
  /** Of a file that is there already: how many other names it has. */
  readonly otherNames?: number;
}

export interface PlannedChange {
  /** Which of the folders of the plan. */
  readonly folder: number;
  /** Below that folder. */
  readonly path: string;
  readonly before?: PlannedState;
  readonly after?: PlannedState;
}

/** Whether what is there is what it should be. */
export function isState(now: PlannedState | undefined, wanted: PlannedState | undefined): boolean {
  if (!now || !wanted) return now === wanted;
  const same = now.kind === wanted.kind && now.mode === wanted.mode && now.sha256 === wanted.sha256;
  return same && (wanted.inode === undefined || (now.inode === wanted.inode && now.device === wanted.device));
}

/** The same without which one it is: what will be there is made anew. */
export function stateToCome({ kind, mode, sha256, bytes, target }: PlannedState): PlannedState {
  return { kind, mode, sha256, bytes, ...(target === undefined ? {} : { target }) };
}

/** The change that takes a change back. What it puts there again is another inode. */
export function inverse({ folder, path, before, after }: PlannedChange): PlannedChange {
  const again = before && {
    ...stateToCome(before),
    ...(before.uid === undefined ? {} : { uid: before.uid, gid: before.gid! }),
  };
  return { folder, path, ...(after ? { before: stateToCome(after) } : {}), ...(again ? { after: again } : {}) };
}

/** How many of the changes of one name, in their order, are done by what is there now; undefined when it is none of their states. */
export function stepsDone(now: PlannedState | undefined, changes: readonly PlannedChange[]): number | undefined {
  const states = [changes[0]!.before, ...changes.map(({ after }) => after)];
  const at = states.findIndex((state) => isState(now, state && stateToCome(state)));
  return at < 0 ? undefined : at;
}
