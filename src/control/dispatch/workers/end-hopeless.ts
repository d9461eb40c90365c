// Ends tool calls and other jobs beside the model's turns that no connected worker could serve for a while, so that a run does
// not wait for a worker that is gone. A model turn waits on, until the deadline of its run: without it there is no answer.
import { AppError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/logger.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import type { Relay, RelayRow } from './relay.ts';

export interface EndHopelessParts {
  readonly runs: Pick<Orchestrator, 'command'>;
  readonly relay: Pick<Relay, 'hopeless' | 'forget'>;
  readonly log: Logger;
  /** For how long nobody could serve it, in milliseconds. */
  readonly afterMs: number;
}

/** Jobs ended in one round. */
const MOST = 256;

/** One round. Never throws; what the store does not take comes again in the next one. */
export async function endHopeless({ runs, relay, log, afterMs }: EndHopelessParts): Promise<void> {
  const rows = relay.hopeless(afterMs).filter(({ row }) => !isTurn(row));
  await Promise.all(
    rows.slice(0, MOST).map(async ({ row, what }) => {
      const value = toFailure(new AppError('NO_WORKER', { why: what }));
      const { tenant, run, job, epoch, dispatchId } = row;
      const result = { type: 'result', job, epoch, result: { case: 'neverStarted', value }, keyFree: true } as const;
      try {
        await runs.command(tenant, run, result, { source: 'dispatch', commandId: `no-worker:${dispatchId}` });
        relay.forget([dispatchId]);
      } catch (error) {
        log.warn('a job that nobody can serve could not be ended yet', { tenant, job, why: String(error) });
      }
    }),
  );
}

/** By its place: `run/step/0`. */
const isTurn = ({ job }: RelayRow): boolean => job.endsWith('/0');
