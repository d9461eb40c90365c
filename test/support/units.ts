// Builds commit units for tests with as little as a test cares about.
import { newId } from '../../src/base/ids.ts';
import type { CommitUnit, JobRow, OutboxRow, RunRow, StreamPart } from '../../src/control/store/unit.ts';

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array | undefined): string | undefined => data && new TextDecoder().decode(data);

/** A part that appends one event per text. */
export const part = (
  stream: string,
  expected: number,
  events: string[],
  kind: 'run' | 'conversation' = 'run',
): StreamPart => ({
  stream,
  kind,
  expected,
  events: events.map((data) => ({ type: 'test', data: bytes(data) })),
});

/** A unit of these parts with a fresh command id and the outcome `done <command id>`. */
export function unit(tenant: string, parts: StreamPart[], more: Partial<CommitUnit> = {}): CommitUnit {
  const commandId = more.commandId ?? newId();
  return {
    tenant,
    source: 'test',
    outcome: bytes(`done ${commandId}`),
    parts,
    outbox: [],
    outboxDone: [],
    timers: [],
    timersDone: [],
    conversations: [],
    runs: [],
    jobs: [],
    ...more,
    commandId,
  };
}

export const dispatch = (dispatchId: string, run: string, more: Partial<OutboxRow> = {}): OutboxRow => ({
  dispatchId,
  run,
  job: `${run}/0/0`,
  epoch: 1,
  capability: 'bowline.capability.llm.v1',
  tier: 0,
  target: 'worker',
  selector: { region: 'eu' },
  recipients: ['local'],
  slots: 1,
  priority: 0,
  state: 'ready',
  ...more,
});

export const runRow = (tenant: string, id: string, more: Partial<RunRow> = {}): RunRow => ({
  tenant,
  id,
  conversation: null,
  device: 'd1',
  principal: 'device:d1',
  kind: 'ask',
  state: 'running',
  text: 'what?',
  answer: '',
  reason: null,
  createdAt: 1_790_000_000_000,
  endedAt: null,
  usage: { inputTokens: 1, outputTokens: 2, costMicros: 3 },
  sources: [],
  withheld: [],
  egress: [],
  leftOut: [],
  model: null,
  ...more,
});

export const jobRow = (tenant: string, run: string, id: string, more: Partial<JobRow> = {}): JobRow => ({
  tenant,
  run,
  id,
  method: 'LlmService/Chat',
  target: 'worker w1 (rules)',
  state: 'running',
  attempts: 1,
  epoch: 1,
  createdAt: 1_790_000_000_000,
  startedAt: null,
  endedAt: null,
  error: null,
  ...more,
});
