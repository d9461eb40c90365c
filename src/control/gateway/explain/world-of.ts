// Reads what surrounds a run at the moment of a question: its devices, the workers, the run before it. Decides nothing.
import { AppError } from '../../../base/errors.ts';
import type { Devices } from '../../identity/devices.ts';
import { type FoldedRun, openJobs } from '../../orchestrator/run/state.ts';
import type { WorkerView } from '../../routing/worker-view.ts';
import type { Runs } from '../../store/runs.ts';
import type { DeviceFacts, World } from './wait.ts';

export interface WorldParts {
  readonly devices: Pick<Devices, 'byId'>;
  readonly stored: Pick<Runs, 'list'>;
  readonly workers: () => readonly WorkerView[];
  readonly poolStartMs: number;
  readonly now: () => number;
}

export async function worldOf(parts: WorldParts, run: FoldedRun): Promise<World> {
  const targets = [...new Set(openJobs(run).flatMap(({ device }) => (device === '' ? [] : [device])))];
  const [before, ...found] = await Promise.all([
    runBefore(parts, run),
    ...targets.map((device) => factsOf(parts, run.tenant, device)),
  ]);
  const devices = new Map(targets.flatMap((id, n) => (found[n] ? [[id, found[n]] as const] : [])));
  return { now: parts.now(), workers: parts.workers(), poolStartMs: parts.poolStartMs, devices, before };
}

/** Undefined for one that was removed. */
async function factsOf({ devices }: WorldParts, tenant: string, id: string): Promise<DeviceFacts | undefined> {
  try {
    const { online, lastSeen } = await devices.byId(tenant, id);
    return { connected: online, lastSeen: lastSeen ?? undefined };
  } catch (error) {
    if (error instanceof AppError && error.reason === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** The run at work in the conversation of one that waits, among the newest; empty for none. */
async function runBefore({ stored }: WorldParts, { phase, tenant, conversation }: FoldedRun): Promise<string> {
  if (phase !== 'waiting') return '';
  const { items } = await stored.list(tenant, { conversation, pageSize: 500 });
  return items.find(({ state }) => state === 'running')?.id ?? '';
}
