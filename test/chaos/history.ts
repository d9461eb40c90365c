// What must hold of one run and of one conversation as they are stored: gapless events whose fold is what the tables say, one
// accepted result per job, epochs that only grow, a cancel that is final. Pure; it names what does not hold.
import { isDeepStrictEqual } from 'node:util';
import { RunState as State } from '../../gen/bowline/run/v1/run_pb.ts';
import type { MethodRegistry } from '../../src/contract/registry.ts';
import { conversationRow, jobRow, runRow } from '../../src/control/orchestrator/decide/projection.ts';
import { evolveConversation } from '../../src/control/orchestrator/run/conversation.ts';
import { evolve } from '../../src/control/orchestrator/run/evolve.ts';
import type { FoldedRun } from '../../src/control/orchestrator/run/state.ts';
import { readConversationEvent, readRunEvent } from '../../src/control/orchestrator/service/event-codec.ts';
import type { ConversationRow, JobRow, LoadedEvent, RunRow } from '../../src/control/store/unit.ts';
import { illegalOutstanding, illegalState, illegalStep } from '../support/legal.ts';

export interface StoredRun {
  readonly id: string;
  /** Of the stream's row. */
  readonly version: number;
  readonly events: readonly LoadedEvent[];
  readonly row: RunRow | undefined;
  readonly jobs: readonly JobRow[];
  /** Dispatch ids that are outstanding, and ids of timers. */
  readonly outbox: readonly string[];
  readonly timers: readonly string[];
}

export interface StoredConversation {
  readonly id: string;
  readonly version: number;
  readonly events: readonly LoadedEvent[];
  readonly row: ConversationRow | undefined;
}

/** The folded state, and what is wrong with it and with its history. */
export function judgeRun(run: StoredRun, methods: MethodRegistry): { state: FoldedRun | undefined; wrong: string[] } {
  const wrong: string[] = gaps(run);
  let state: FoldedRun | undefined;
  const epochs = new Map<string, bigint>();
  const finished = new Set<string>();
  let cancelled = false;
  try {
    for (const [n, stored] of run.events.entries()) {
      const event = readRunEvent(stored);
      const next = evolve(state, event);
      const at = `event ${n + 1} (${stored.type})`;
      wrong.push(...illegalStep(state, next, [event]).map((what) => `${at}: ${what}`));
      const { case: type, value } = event.event;
      if (type === 'cancelRequested') cancelled = true;
      if (type === 'jobQueued' && cancelled) wrong.push(`${at}: ${value.job} was planned after the cancel`);
      if (type === 'jobFinished') {
        if (finished.has(value.job)) wrong.push(`${at}: a second result of ${value.job} was accepted`);
        finished.add(value.job);
        const current = state?.jobs.get(value.job)?.epoch;
        if (BigInt(current ?? 0) !== value.epoch)
          wrong.push(`${at}: epoch ${value.epoch} finished ${value.job} at ${current}`);
      }
      if (type === 'ended' && cancelled && value.outcome?.state !== State.CANCELLED) {
        wrong.push(`${at}: a cancelled run ended with the state ${value.outcome?.state}`);
      }
      for (const [job, epoch] of epochsOf(event)) {
        const before = epochs.get(job) ?? 0n;
        if (epoch < before) wrong.push(`${at}: the epoch of ${job} went from ${before} to ${epoch}`);
        epochs.set(job, epoch);
      }
      state = next;
    }
  } catch (error) {
    wrong.push(`its history cannot be folded: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (state) {
    wrong.push(...illegalState(state, methods));
    wrong.push(...illegalOutstanding(state, new Set(run.outbox), new Set(run.timers)));
    wrong.push(...differs('the row of the run', run.row, runRow(state)));
    const jobs = [...state.jobs.values()].map((job) => jobRow(state as FoldedRun, job));
    for (const job of jobs)
      wrong.push(
        ...differs(
          `the row of ${job.id}`,
          run.jobs.find(({ id }) => id === job.id),
          job,
        ),
      );
    if (run.jobs.length !== jobs.length) wrong.push(`${run.jobs.length} rows of jobs for ${jobs.length} jobs`);
  } else wrong.push('it has no history');
  return { state, wrong: wrong.map((what) => `run ${run.id}: ${what}`) };
}

/** What is wrong with a conversation, and who has the turn in it. */
export function judgeConversation(stored: StoredConversation): string[] {
  const wrong: string[] = gaps(stored);
  try {
    const state = stored.events
      .map(readConversationEvent)
      .reduce<ReturnType<typeof evolveConversation> | undefined>(evolveConversation, undefined);
    if (state) wrong.push(...differs('its row', stored.row, conversationRow(state)));
    else wrong.push('it has no history');
  } catch (error) {
    wrong.push(`its history cannot be folded: ${error instanceof Error ? error.message : String(error)}`);
  }
  return wrong.map((what) => `conversation ${stored.id}: ${what}`);
}

function gaps({ version, events }: { version: number; events: readonly LoadedEvent[] }): string[] {
  const holes = events.filter((event, n) => event.version !== n + 1);
  const wrong = holes
    .slice(0, 1)
    .map((event) => `event ${event.version} stands where ${events.indexOf(event) + 1} should`);
  if (version !== events.length) wrong.push(`its version is ${version} with ${events.length} events`);
  return wrong;
}

function epochsOf({ event }: ReturnType<typeof readRunEvent>): [job: string, epoch: bigint][] {
  switch (event.case) {
    case 'attemptLost':
    case 'attemptFailed':
      return [
        [event.value.job, event.value.epoch],
        [event.value.job, event.value.nextEpoch],
      ];
    case 'jobQueued':
    case 'attemptStarted':
    case 'attemptDue':
    case 'jobReceived':
    case 'jobCancelling':
    case 'jobCancelled':
    case 'jobFinished':
      return [[event.value.job, event.value.epoch]];
    default:
      return [];
  }
}

function differs(what: string, found: object | undefined, wanted: object): string[] {
  if (found === undefined) return [`${what} is missing`];
  const [there, should] = [found as Record<string, unknown>, wanted as Record<string, unknown>];
  const keys = Object.keys(should).filter((name) => !isDeepStrictEqual(there[name], should[name]));
  return keys.map((name) => `${what} has ${name} ${text(there[name])} where its events make ${text(should[name])}`);
}

const text = (value: unknown): string => JSON.stringify(value)?.slice(0, 200) ?? 'nothing';
