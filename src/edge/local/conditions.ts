// What stands in the way of answers, as this edge knows it: its own, and what its control plane told. Pure but for one look at the disk.
import { statfsSync } from 'node:fs';
import type { Condition } from '../../../gen/bowline/common/v1/common_pb.ts';
import { LEAST_DISK_BYTES } from '../../base/disk-room.ts';
import { AppError } from '../../base/errors.ts';
import { hindering, stopping } from '../../contract/condition.ts';
import type { SessionStatus } from '../session/edge-session.ts';

export interface EdgeConditionSources {
  readonly status: Pick<SessionStatus, 'connection' | 'problem' | 'conditions' | 'flaps'>;
  /** Why the journal took nothing the last time it was asked; undefined when it did. */
  readonly journal: AppError | undefined;
  /** Free bytes of its disk; undefined where that is not known. */
  readonly disk: { readonly folder: string; readonly free: number } | undefined;
  /** Open asks, and how many there may be. */
  readonly asks: { readonly open: number; readonly most: number };
  /** Why the clock of this machine is doubted. */
  readonly clock: AppError | undefined;
  /** Why config.yaml cannot be used, so that no tool call and no share is allowed. */
  readonly config: AppError | undefined;
}

/** The worst first. */
export function edgeConditions({ status, journal, disk, asks, clock, config }: EdgeConditionSources): Condition[] {
  const found: Condition[] = [];
  if (journal) found.push(stopping(journal));
  if (status.connection !== 'connected' && status.problem) found.push(stopping(status.problem));
  if (status.flaps !== undefined) found.push(stopping(new AppError('SESSION_FLAPS', { count: status.flaps })));
  if (asks.open >= asks.most) found.push(stopping(new AppError('QUEUE_FULL', { limit: asks.most })));
  if (config) found.push(stopping(new AppError('PERMISSIONS_UNKNOWN', { problem: config.message })));
  found.push(...status.conditions.filter(({ stops }) => stops));
  if (!journal && disk && disk.free < LEAST_DISK_BYTES) {
    const free = `${Math.floor(disk.free / (1 << 20))} MB`;
    found.push(hindering(new AppError('EDGE_DISK_LOW', { folder: disk.folder, free })));
  }
  if (clock) found.push(hindering(clock));
  return [...found, ...status.conditions.filter(({ stops }) => !stops)];
}

/** What whoever asks is told of budgets of which little is left. */
export const budgetWarnings = (conditions: readonly Condition[]): string[] =>
  conditions.flatMap(({ why }) => (why?.reason === 'BUDGET_LOW' ? [why.message] : []));

/** Free bytes of the disk of a folder. */
export function freeOf(folder: string): EdgeConditionSources['disk'] {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return { folder, free: bavail * bsize };
  } catch {
    return undefined;
  }
}
