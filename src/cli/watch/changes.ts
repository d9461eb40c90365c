// What changed between two models, one plain object for each change: for programs. Pure.
import type { Crossing, RunLook, SideLook, WatchModel, WorkerLook } from './model.ts';

export type WatchChange = Readonly<Record<string, unknown>>;

export function changesOf(before: WatchModel, after: WatchModel): WatchChange[] {
  return [
    ...sideChange('box', before.box, after.box),
    ...sideChange('control', before.control, after.control),
    ...listChanges(
      'worker',
      before.workers,
      after.workers,
      ({ name }: WorkerLook) => name,
      (worker) => ({ ...worker }),
    ),
    ...listChanges('run', before.runs, after.runs, ({ id }: RunLook) => id, runObject),
  ];
}

export const crossingChange = ({ at, ...crossing }: Crossing): WatchChange => ({
  what: 'left',
  createTime: new Date(at).toISOString(),
  ...crossing,
});

function runObject({ id, isOpen, asked, ended, ...run }: RunLook): WatchChange {
  return {
    id,
    open: isOpen,
    ...run,
    createTime: new Date(asked).toISOString(),
    endTime: ended === undefined ? null : new Date(ended).toISOString(),
  };
}

/** Memory changes all the time and is no news by itself. */
const news = (value: unknown): string =>
  JSON.stringify(value, (key, each) => (key === 'memoryBytes' || key === 'since' ? undefined : each));

function sideChange<T extends object>(what: string, before: SideLook<T>, after: SideLook<T>): WatchChange[] {
  if (after.is === 'asked' || news(before) === news(after)) return [];
  return after.is === 'here' ? [{ what, here: true, ...after.told }] : [{ what, here: false, why: after.why }];
}

/** Those that are new or changed, and those that are gone. The list of runs is cut at its old end, so none of them goes. */
function listChanges<T>(
  what: string,
  before: readonly T[],
  after: readonly T[],
  name: (one: T) => string,
  object: (one: T) => WatchChange,
): WatchChange[] {
  if (before === after) return [];
  const old = new Map(before.map((each) => [name(each), news(each)]));
  const changed = after.filter((each) => old.get(name(each)) !== news(each)).map((each) => ({ what, ...object(each) }));
  if (what === 'run') return changed;
  const now = new Set(after.map(name));
  const gone = before.filter((each) => !now.has(name(each))).map((each) => ({ what, name: name(each), gone: true }));
  return [...changed, ...gone];
}
