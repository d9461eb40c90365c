// Whether what a home is meant to run is well: which programs those are, and what of the answers of their sides counts. Pure but for a
// look at which files the home has.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Condition } from '../../gen/bowline/common/v1/common_pb.ts';
import type { GetStatusResponse as ControlStatus } from '../../gen/bowline/control/v1/status_service_pb.ts';
import { Connection, type GetStatusResponse as EdgeStatus } from '../../gen/bowline/local/v1/local_pb.ts';
import { causeText, codeWords, systemCodeOf } from '../base/cause-text.ts';
import { AppError } from '../base/errors.ts';
import type { HomePaths } from '../base/home.ts';
import { readWorkerNotes, type WorkerNote } from '../base/worker-notes.ts';
import { whyOf } from '../contract/condition.ts';

export type HomeRole = 'control' | 'edge' | 'worker';

/** What this home was started as: a program leaves something of its own there. A worker beside a control plane is that one's. */
export function rolesOf(paths: HomePaths): HomeRole[] {
  const has = (...files: string[]) => files.some((file) => existsSync(file));
  const roles: HomeRole[] = [];
  if (has(join(paths.home, 'control.lock'))) roles.push('control');
  if (has(paths.device)) roles.push('edge');
  if (!roles.includes('control') && has(paths.workers, join(paths.home, 'worker.yaml'))) roles.push('worker');
  return roles;
}

/** How a program is started in a home that runs nothing else. */
const STARTED_BY: Readonly<Record<HomeRole, string>> = {
  control: 'bowline control',
  edge: 'bowline edge',
  worker: 'bowline worker',
};

/** The command that starts what a home is meant to run: `up` runs several. */
export const startedBy = (roles: readonly HomeRole[]): string =>
  roles.length === 1 ? STARTED_BY[roles[0]!] : 'bowline up';

/** Of one side: what it says of itself, or why it says nothing. `alive`: it answers, and tells no more without a key. */
export type SideAnswer<T> = { readonly status: T } | { readonly problem: AppError; readonly alive: string | undefined };

/** Something that stands in the way of answers, and where. */
export interface Finding {
  readonly side: HomeRole | 'home';
  readonly why: AppError;
  readonly stops: boolean;
}

export interface HomeHealth {
  readonly roles: readonly HomeRole[];
  /** Whether all that this home is meant to run is well. */
  readonly ok: boolean;
  /** The worst first, each once. */
  readonly findings: readonly Finding[];
  readonly workers: readonly WorkerNote[];
}

export function homeHealth(
  paths: HomePaths,
  { edge, control }: { readonly edge: SideAnswer<EdgeStatus>; readonly control: SideAnswer<ControlStatus> },
): HomeHealth {
  const roles = rolesOf(paths);
  const workers = readWorkerNotes(paths.workers);
  const found: Finding[] = [];
  // The home of an owner may hold no more than a key.
  const silent = [edge, control].every((side) => 'problem' in side && side.alive === undefined);
  if (roles.length === 0 && silent) found.push({ side: 'home', stops: true, why: withoutPrograms(paths.home) });
  if ('status' in edge && !roles.includes('edge')) roles.push('edge');
  if (roles.includes('control') || 'status' in control) found.push(...ofSide('control', control));
  if (roles.includes('edge')) {
    found.push(...ofSide('edge', edge));
    if ('status' in edge && edge.status.connection === Connection.CONNECTING && !edge.status.problem)
      found.push({ side: 'edge', stops: true, why: new AppError('EDGE_CONNECTING', { control: edge.status.control }) });
  }
  if (roles.includes('worker')) found.push(...ofWorkers(paths, workers));
  const findings = once(found).sort((a, b) => Number(b.stops) - Number(a.stops));
  return { roles, ok: !findings.some(({ stops }) => stops), findings, workers };
}

/** Why a home has nothing: it is new, or it is none. */
function withoutPrograms(home: string): AppError {
  const unusable = (problem: string, cause?: unknown) => new AppError('HOME_UNUSABLE', { home, problem }, { cause });
  try {
    const found = statSync(home, { throwIfNoEntry: false });
    return found && !found.isDirectory() ? unusable('it is no folder') : new AppError('HOME_EMPTY', { home });
  } catch (cause) {
    return unusable(codeWords(systemCodeOf(cause)) ?? causeText(cause), cause);
  }
}

function ofSide(side: HomeRole, answer: SideAnswer<{ readonly conditions: Condition[] }>): Finding[] {
  if ('problem' in answer) return answer.alive === undefined ? [{ side, stops: true, why: answer.problem }] : [];
  return answer.status.conditions.flatMap((each) => {
    const why = whyOf(each);
    return why ? [{ side, stops: each.stops, why }] : [];
  });
}

function ofWorkers({ home }: HomePaths, workers: readonly WorkerNote[]): Finding[] {
  if (workers.length === 0) return [{ side: 'worker', stops: true, why: new AppError('WORKER_NOT_RUNNING', { home }) }];
  return workers
    .filter(({ connected }) => !connected)
    .map(({ name, control }) => ({
      side: 'worker',
      stops: true,
      why: new AppError('WORKER_OFFLINE', { worker: name, control }),
    }));
}

/** The edge tells what its control plane told; that one's own word counts. */
function once(found: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  return found.filter(({ why }) => {
    const isNew = !seen.has(why.message);
    seen.add(why.message);
    return isNew;
  });
}
