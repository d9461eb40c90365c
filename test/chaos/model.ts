// What the harness knows by itself: every ask that was acknowledged and how it ended, every call with its key and what its
// caller was told, every line that stands in the files of the devices. `judge` compares it with what is stored. Pure.

import type { MethodRegistry } from '../../src/contract/registry.ts';
import type { FoldedJob, FoldedRun } from '../../src/control/orchestrator/run/state.ts';
import { judgeConversation, judgeRun, type StoredConversation, type StoredRun } from './history.ts';

export interface AskRecord {
  readonly name: string;
  readonly text: string;
  readonly edge: number;
  readonly line: string | undefined;
  /** Every run that was ever named as accepted for it. */
  readonly runs: Set<string>;
  /** Name of the state it ended in, and the answer, as told on the box. */
  ended: { readonly state: string; readonly answer: string; readonly reason: string } | undefined;
  /** It was refused before it was accepted, with this reason. */
  refused: string | undefined;
  /** Its owner wanted to cancel it. */
  readonly cancelWanted: boolean;
  /** Undefined: its tool call needs no yes. */
  readonly owned: Owned | undefined;
  /** What the model of the harness says when it is asked this. */
  readonly expected: string;
}

/** What the owner was asked for an ask, and answered. */
export interface Owned {
  readonly allow: boolean;
  /** Every approval that was ever told. */
  readonly asked: Set<string>;
  /** Whether an answer was sent, and whether it was taken. */
  sent: boolean;
  taken: boolean;
}

/** Where lines stand that needed a yes. */
export const ASKED = 'asked';

export interface CallRecord {
  readonly key: string;
  readonly edge: number;
  /** The line that its effect adds, and to which file. */
  readonly line: string;
  readonly file: string;
  /** What each of its calls came to: `done`, the reason of a failure, or `lost` when the caller was cut off. */
  readonly outcomes: string[];
}

export interface Stored {
  readonly runs: readonly StoredRun[];
  readonly conversations: readonly StoredConversation[];
}

/** How often each line stands in each file, by edge. */
export type Effects = ReadonlyMap<number, ReadonlyMap<string, ReadonlyMap<string, number>>>;

/** Answers that do not say whether it happened. */
const UNSURE = new Set([
  'lost',
  'OUTCOME_UNKNOWN',
  'RESULT_DROPPED',
  'ATTEMPTS_LOST',
  'STORE_UNAVAILABLE',
  'STORE_NOT_READ',
  'DEADLINE_EXCEEDED',
  'RUN_CONTENDED',
  'RUN_BUSY',
  'STORE_BUSY',
]);
/** Answers after which a repeat under the same key may get another one. */
export const PASSING = new Set([
  'lost',
  'DEVICE_OFFLINE',
  'CONTROL_UNREACHABLE',
  'STORE_UNAVAILABLE',
  'STORE_NOT_READ',
  'STORE_BUSY',
  'RUN_BUSY',
  'RUN_CONTENDED',
  'EDGE_BUSY',
  'EDGE_STOPPING',
  'JOURNAL_FULL',
  'SHUTTING_DOWN',
  'REPLICA_LEAVING',
]);
const FINAL = new Set(['answered', 'refused', 'failed', 'cancelled', 'timed_out']);

export class Model {
  readonly asks: AskRecord[] = [];
  readonly calls: CallRecord[] = [];
  /** The edges whose journal has no room for a while. */
  readonly full = new Set<number>();
  readonly #lines = new Set<string>();

  /** What was judged is not judged again; its lines stay known. */
  forget(): void {
    for (const { line } of [...this.asks.splice(0), ...this.calls.splice(0)])
      if (line !== undefined) this.#lines.add(line);
    this.full.clear();
  }

  /** Everything that does not hold; empty when all is well. */
  judge(stored: Stored, effects: Effects, methods: MethodRegistry): string[] {
    const wrong: string[] = [];
    const states = new Map<string, FoldedRun>();
    for (const run of stored.runs) {
      const judged = judgeRun(run, methods);
      wrong.push(...judged.wrong);
      if (judged.state) states.set(run.id, judged.state);
      if (judged.state && !FINAL.has(judged.state.phase))
        wrong.push(`run ${run.id}: it is still ${judged.state.phase}`);
    }
    for (const conversation of stored.conversations) {
      wrong.push(...judgeConversation(conversation));
      const { row, id } = conversation;
      if (row?.activeRun || row?.waiting.length) wrong.push(`conversation ${id}: someone still has or awaits the turn`);
    }
    for (const ask of this.asks) {
      const full = this.full.has(ask.edge);
      wrong.push(...judgeAsk(ask, states, effects, full).map((what) => `${ask.name}: ${what}`));
    }
    for (const call of this.calls)
      wrong.push(...judgeCall(call, states, effects).map((what) => `${call.key}: ${what}`));
    wrong.push(...this.#strangers(effects));
    return wrong;
  }

  /** Lines that nobody asked for, such as halves of one. */
  #strangers(effects: Effects): string[] {
    const known = new Set([
      ...this.#lines,
      ...this.asks.map(({ line }) => line),
      ...this.calls.map(({ line }) => line),
    ]);
    const wrong: string[] = [];
    for (const [edge, files] of effects) {
      for (const [file, lines] of files) {
        for (const line of lines.keys())
          if (!known.has(line)) wrong.push(`edge ${edge}: ${file} holds ${JSON.stringify(line)}`);
      }
    }
    return wrong;
  }
}

function judgeAsk(ask: AskRecord, states: ReadonlyMap<string, FoldedRun>, effects: Effects, full: boolean): string[] {
  const wrong: string[] = [];
  if (ask.runs.size > 1) wrong.push(`one request id became ${ask.runs.size} runs`);
  const [id] = ask.runs;
  if (id === undefined) {
    if (ask.refused === undefined) wrong.push('it was neither accepted nor refused');
    return wrong;
  }
  const { ended } = ask;
  if (!ended) return [...wrong, `it was accepted as ${id} and never ended for its owner`];
  const run = states.get(id);
  if (!run) {
    // What the control plane refuses is told with a reason and may leave no run; what is cancelled before it was sent, too.
    const withdrawn = ended.state === 'cancelled' && ask.cancelWanted;
    if (!withdrawn && (ended.state !== 'refused' || ended.reason === ''))
      wrong.push(`it ended as ${ended.state} and is not stored`);
    return wrong;
  }
  if (run.text !== ask.text) wrong.push('another text is stored');
  if (run.phase !== ended.state) wrong.push(`its owner was told ${ended.state} and ${run.phase} is stored`);
  if ((run.outcome?.answer ?? '') !== ended.answer) wrong.push('its owner was told another answer than is stored');
  if (ended.state === 'answered' && ended.answer !== ask.expected) {
    wrong.push(
      `it was answered ${JSON.stringify(ended.answer.slice(0, 200))} and not ${JSON.stringify(ask.expected.slice(0, 200))}`,
    );
  }
  if (ended.state === 'cancelled' && !ask.cancelWanted && run.cancelledBy === '')
    wrong.push('it ended as cancelled and nobody wanted that');
  if (ended.state !== 'answered' && ended.state !== 'cancelled')
    wrong.push(`it ended as ${ended.state}: ${ended.reason}, begun at ${run.createdAt}, held ${run.heldMs} ms`);
  if (ask.line !== undefined) {
    const times = timesOf(effects, ask.edge, ask.owned ? ASKED : 'log.txt', ask.line);
    const writes = [...run.jobs.values()].filter(({ method }) => method.endsWith('/Write'));
    if (times > 1) wrong.push(`its line stands there ${times} times`);
    for (const { phase, result } of writes) {
      if (phase === 'done' && times !== 1)
        wrong.push(`its write is recorded as done and its line stands there ${times} times`);
      // Cancelled at its very end, it has its response and the failure behind it.
      if (phase === 'failed' && result?.result.case !== 'done' && times > 0)
        wrong.push(`its write is recorded as failed (${failureOf(result)}) and happened`);
    }
    if (writes.length === 0 && times > 0) wrong.push('its line stands there without a job');
    if (ask.owned) wrong.push(...judgeOwned(ask.owned, times, writes, full));
  }
  return wrong;
}

/**
 * It happened only after a yes, and was asked about once; a yes that was taken is used.
 * @param full the journal of its edge had no room for a while
 */
export function judgeOwned(
  { allow, asked, sent, taken }: Owned,
  times: number,
  writes: readonly Pick<FoldedJob, 'phase' | 'result'>[],
  full: boolean,
): string[] {
  const wrong: string[] = [];
  if (asked.size > 1) wrong.push(`its owner was asked ${asked.size} times`);
  if (times > 0 && !(allow && sent)) wrong.push('it happened and nobody allowed it');
  for (const { phase, result } of writes) {
    if (phase === 'done' && !sent) wrong.push('it is recorded as done and nobody answered');
    const { case: kind, value } = result?.result ?? {};
    const reason = kind === 'neverStarted' ? value?.reason : undefined;
    // Nobody wants it any more, or what becomes of it cannot be written down.
    const gone = reason === 'CANCELED' || (full && reason === 'JOURNAL_FULL');
    if (taken && allow && reason && !gone) wrong.push(`its owner said yes, and it was refused: ${reason}`);
  }
  return wrong;
}

function judgeCall(
  { edge, file, line, outcomes, key }: CallRecord,
  states: ReadonlyMap<string, FoldedRun>,
  effects: Effects,
): string[] {
  const wrong: string[] = [];
  const times = timesOf(effects, edge, file, line);
  const runs = [...states.values()].filter(({ call }) => call?.idempotencyKey === key);
  if (times > 1) wrong.push(`its effect happened ${times} times`);
  if (times !== 1 && outcomes.includes('done')) wrong.push(`its caller was told done and it happened ${times} times`);
  const doneJobs = runs.flatMap(({ jobs }) => [...jobs.values()]).filter(({ phase }) => phase === 'done');
  if (doneJobs.length > 0 && times !== 1) wrong.push(`it is recorded as done and happened ${times} times`);
  // A sure answer stays: who is told once that it was done, is never told that it was not, and the other way round.
  const sure = [...new Set(outcomes.filter((outcome) => !PASSING.has(outcome) && !UNSURE.has(outcome)))];
  if (sure.length > 1) wrong.push(`its callers were told ${sure.join(' and ')}`);
  if (times > 0 && sure.length > 0 && !sure.includes('done'))
    wrong.push(`its caller was told ${sure.join()} and it happened`);
  if (outcomes.includes('OUTCOME_UNKNOWN') && outcomes.includes('done'))
    wrong.push('it was told as unknown and as done');
  return wrong;
}

const failureOf = (result: { result: { case?: string | undefined } } | undefined): string =>
  result?.result.case ?? 'no result';

function timesOf(effects: Effects, edge: number, file: string, line: string): number {
  return effects.get(edge)?.get(file)?.get(line) ?? 0;
}
