// One ask as a stream of what happens to it. When the edge goes away it is asked again with the same request id, or followed
// when it was accepted, so that nothing is asked twice and nothing is lost.
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@connectrpc/connect';
import type { AskRequest, RunEvent as LocalRunEvent, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { fullJitter } from '../base/backoff.ts';
import { AppError } from '../base/errors.ts';

export interface AskEventsOptions {
  readonly local: Client<typeof LocalService>;
  readonly request: AskRequest;
  readonly signal: AbortSignal;
  /** Called when the edge went away; the stream goes on when it is back. */
  readonly onLost: (error: AppError) => void;
  /** How long to wait for it, in milliseconds. */
  readonly patienceMs: number;
}

/** Ends with `ended`, or when the signal aborts. Throws what the edge refused with; NOT_RUNNING when it does not come back. */
export async function* askEvents(options: AskEventsOptions): AsyncGenerator<LocalRunEvent, void, undefined> {
  const { local, request, signal } = options;
  let run: string | undefined;
  let lostAt: number | undefined;
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const stream = run ? local.follow({ run }, { signal }) : local.ask(request, { signal });
      for await (const { event } of stream) {
        if (!event) continue;
        lostAt = undefined;
        attempt = 0;
        if (event.event.case === 'accepted') run = event.event.value.run;
        yield event;
        if (event.event.case === 'ended') return;
      }
      if (signal.aborted) return;
      throw new AppError('CONNECTION_LOST', { where: 'the edge', problem: 'the stream ended early' });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof AppError) || !isLost(error, run, lostAt)) throw error;
      if (lostAt === undefined) options.onLost(error);
      lostAt ??= performance.now();
      if (performance.now() - lostAt > options.patienceMs) throw error;
    }
    await delay(fullJitter(attempt + 1, 200, 3000), undefined, { signal }).catch(() => {});
  }
}

/** At the very first call an edge that is not there is an error; later it is one that will be back. */
const isLost = (error: AppError, run: string | undefined, lostAt: number | undefined): boolean =>
  error.reason === 'NOT_RUNNING'
    ? run !== undefined || lostAt !== undefined
    : error.reason === 'CONNECTION_LOST' || error.reason === 'EDGE_STOPPING';
