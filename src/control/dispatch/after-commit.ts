// What follows a commit of this replica: its readers hear of it, what it added goes to workers, queues and devices, what it ended
// is stopped there, and timers are set. It owns nothing; the truth is the commit.
import type { RunEvent } from '../../../gen/bowline/event/v1/event_pb.ts';
import { dispatchId, parseDispatchId } from '../../base/ids.ts';
import type { FoldedRun } from '../orchestrator/run/state.ts';
import type { Committed } from '../orchestrator/service/run-commits.ts';
import type { DeviceCalls } from './devices/device-calls.ts';
import type { RunFeeds } from './feeds/run-feeds.ts';
import type { TimerLoop } from './loops/timer-loop.ts';
import type { Signals } from './signals/signals.ts';
import type { Relay } from './workers/relay.ts';
import type { WorkerJobs } from './workers/worker-jobs.ts';
import type { WorkerPresence } from './workers/worker-presence.ts';

export interface AfterCommitParts {
  readonly jobs: Pick<WorkerJobs, 'offer' | 'kick' | 'knows' | 'stopAttempts'>;
  readonly devices: Pick<DeviceCalls, 'added' | 'cancel'>;
  readonly feeds: Pick<RunFeeds, 'committed'>;
  readonly relay: Pick<Relay, 'add' | 'forget'>;
  readonly presence: Pick<WorkerPresence, 'tellEnded'>;
  readonly signals: Pick<Signals, 'toRun'>;
  readonly timers: Pick<TimerLoop, 'soon'>;
}

/** What to do with each commit. Never waits. */
export function afterCommit(parts: AfterCommitParts): (committed: Committed) => void {
  const { jobs, devices, feeds, relay, signals, timers } = parts;
  return ({ tenant, run, state, events, outboxAdded, outboxDone, timersAdded }) => {
    feeds.committed(state);
    const toWorkers = outboxAdded
      .filter((row) => row.target === 'worker' && row.state === 'ready')
      .map((row) => ({ ...row, tenant, method: state.jobs.get(row.job)?.method ?? '' }));
    const toQueue = toWorkers.length > 0 ? jobs.offer(toWorkers, state) : [];
    if (toQueue.length > 0) void relay.add(toQueue).then(() => jobs.kick());
    devices.added(
      outboxAdded.filter((row) => row.target === 'device').map((row) => ({ ...row, tenant })),
      state,
    );
    relay.forget(outboxDone);
    for (const event of events) stopOnDevice(parts, tenant, state, event);
    stopOnWorkers(parts, state, events, outboxDone);
    for (const { dueInMs } of timersAdded) timers.soon(dueInMs);
    signals.toRun(tenant, run, { case: 'changed', value: BigInt(state.version) });
  };
}

/** Here at once; a worker of another replica is asked to stop by that one. */
function stopOnWorkers(
  { jobs, presence }: AfterCommitParts,
  state: FoldedRun,
  events: readonly RunEvent[],
  outboxDone: readonly string[],
): void {
  const unwanted = events.flatMap(({ event }) =>
    event.case === 'jobCancelling'
      ? [dispatchId(event.value.job, Number(event.value.epoch), state.jobs.get(event.value.job)?.nonce)]
      : [],
  );
  const ended = [...outboxDone, ...unwanted].filter(
    (id) => state.jobs.get(parseDispatchId(id)?.job ?? '')?.target === 'worker',
  );
  const elsewhere = ended.filter((id) => !jobs.knows(id));
  if (elsewhere.length > 0) presence.tellEnded(elsewhere);
  jobs.stopAttempts(ended);
}

function stopOnDevice({ devices }: AfterCommitParts, tenant: string, state: FoldedRun, { event }: RunEvent): void {
  if (event.case !== 'jobCancelling' && event.case !== 'jobCancelled') return;
  const job = state.jobs.get(event.value.job);
  if (job?.target === 'device') devices.cancel(tenant, job.device, job.id, Number(event.value.epoch));
}
