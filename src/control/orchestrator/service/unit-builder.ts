// Makes one commit unit of what a command changes: the streams, and everything derived from their states. Pure.
import type { ConversationEvent, RunEvent } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { CommitUnit, OutboxRow, StreamPart } from '../../store/unit.ts';
import { type Effects, effects } from '../decide/effects.ts';
import { type MoneyRules, moneyRows } from '../decide/money-rows.ts';
import { conversationRow } from '../decide/projection.ts';
import type { CommandId } from '../decide/run-commands.ts';
import { usageRows } from '../decide/usage-rows.ts';
import type { ConversationState } from '../run/conversation.ts';
import type { FoldedRun } from '../run/state.ts';
import { type CommandOutcome, encodeOutcome } from './command-outcome.ts';
import { storeConversationEvent, storeRunEvent } from './event-codec.ts';

export interface RunChange {
  readonly before: FoldedRun | undefined;
  readonly after: FoldedRun;
  readonly events: readonly RunEvent[];
  readonly effects: Effects;
}

export interface ConversationChange {
  readonly before: ConversationState | undefined;
  readonly after: ConversationState;
  readonly events: readonly ConversationEvent[];
}

export interface Changes {
  readonly tenant: string;
  readonly id: CommandId;
  readonly outcome: CommandOutcome;
  readonly runs: readonly RunChange[];
  readonly conversations: readonly ConversationChange[];
  /** Timers to remove although no state has them. */
  readonly timersDone?: readonly string[];
}

/** `at` is the time of the command in milliseconds since 1970. */
export const runChange = (
  before: FoldedRun | undefined,
  after: FoldedRun,
  events: readonly RunEvent[],
  at: number,
): RunChange => ({ before, after, events, effects: effects(before, after, at) });

/** `nonce` marks this very decision in the inbox; `holderOf` says which replica holds a dispatch from the beginning. */
export function buildUnit(
  changes: Changes,
  nonce: Uint8Array,
  rules: MoneyRules,
  holderOf: (dispatchId: string) => string | undefined = () => undefined,
): CommitUnit {
  const { tenant, id, outcome, runs, conversations, timersDone = [] } = changes;
  const parts: StreamPart[] = [
    ...runs.map(({ before, after, events }) => ({
      stream: after.id,
      kind: 'run' as const,
      expected: before?.version ?? 0,
      events: events.map(storeRunEvent),
    })),
    ...conversations.map(({ before, after, events }) => ({
      stream: after.id,
      kind: 'conversation' as const,
      expected: before?.version ?? 0,
      events: events.map(storeConversationEvent),
    })),
  ];
  const each = runs.map((run) => run.effects);
  const money = runs.map((run) => moneyRows(run, rules));
  return {
    tenant,
    ...id,
    outcome: encodeOutcome(outcome, nonce),
    parts,
    outbox: each.flatMap((effect) => effect.outbox.map((row) => held(row, holderOf(row.dispatchId)))),
    outboxDone: each.flatMap((effect) => effect.outboxDone),
    timers: each.flatMap((effect) => effect.timers),
    timersDone: [...each.flatMap((effect) => effect.timersDone), ...timersDone],
    conversations: conversations.map(({ after }) => conversationRow(after)),
    runs: each.flatMap((effect) => effect.runs),
    jobs: each.flatMap((effect) => effect.jobs),
    wants: money.flatMap(({ wants }) => wants),
    ends: money.flatMap(({ ends }) => ends),
    usage: runs.flatMap(({ after, events }) => usageRows(after, events)),
  };
}

const held = (row: OutboxRow, holder: string | undefined): OutboxRow =>
  holder === undefined ? row : { ...row, holder };
