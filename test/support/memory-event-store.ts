// An event store in memory that is honest to the commit contract: all or nothing, versions checked, one inbox row per command.
// For tests of what stands above a store; it keeps what a commit leaves behind open to be looked at.
import type { Clock } from '../../src/base/clock.ts';
import { checkUnit } from '../../src/control/store/commit-encode.ts';
import type {
  CommitResult,
  CommitUnit,
  ConversationRow,
  EventStore,
  JobRow,
  LoadedEvent,
  OutboxRow,
  RunRow,
  TimerRow,
  UsageRow,
} from '../../src/control/store/unit.ts';

export interface StoredTimer extends TimerRow {
  readonly tenant: string;
  readonly due: number;
}

export class MemoryEventStore implements EventStore {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #streams = new Map<string, LoadedEvent[]>();
  readonly #inbox = new Map<string, Uint8Array>();
  readonly outbox = new Map<string, OutboxRow & { tenant: string }>();
  readonly timers = new Map<string, StoredTimer>();
  readonly runs = new Map<string, RunRow>();
  readonly jobs = new Map<string, JobRow>();
  readonly conversations = new Map<string, ConversationRow>();
  readonly usage: (UsageRow & { readonly tenant: string })[] = [];
  /** Commits that passed, oldest first. */
  readonly units: CommitUnit[] = [];
  loads = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  async commit(unit: CommitUnit): Promise<CommitResult> {
    checkUnit(unit);
    // Others get their turn first, as with a database.
    await Promise.resolve();
    const { tenant } = unit;
    const command = key(tenant, unit.source, unit.commandId);
    const seen = this.#inbox.get(command);
    if (seen) return { status: 'duplicate', outcome: seen };
    const fits = unit.parts.every(
      (part) => part.expected === (this.#streams.get(key(tenant, part.stream))?.length ?? 0),
    );
    if (!fits) return { status: 'conflict' };
    const at = this.#clock.now();
    for (const { stream, events } of unit.parts) {
      const list = this.#streams.get(key(tenant, stream)) ?? [];
      for (const { type, data } of events) list.push({ type, data: data.slice(), at, version: list.length + 1 });
      this.#streams.set(key(tenant, stream), list);
    }
    this.#inbox.set(command, unit.outcome);
    for (const row of unit.outbox) this.outbox.set(row.dispatchId, { ...row, tenant });
    for (const id of unit.outboxDone) this.outbox.delete(id);
    for (const row of unit.timers) this.timers.set(row.id, { ...row, tenant, due: at + row.dueInMs });
    for (const id of unit.timersDone) this.timers.delete(id);
    for (const row of unit.runs) this.runs.set(row.id, row);
    for (const row of unit.jobs) this.jobs.set(row.id, row);
    for (const row of unit.usage ?? []) this.usage.push({ ...row, tenant });
    for (const row of unit.conversations) this.conversations.set(row.id, row);
    this.units.push(unit);
    return { status: 'committed', at };
  }

  async outcome(tenant: string, source: string, commandId: string): Promise<Uint8Array | undefined> {
    return this.#inbox.get(key(tenant, source, commandId));
  }

  async load(tenant: string, stream: string, after = 0): Promise<{ version: number; events: LoadedEvent[] }> {
    this.loads++;
    await Promise.resolve();
    const list = this.#streams.get(key(tenant, stream)) ?? [];
    return { version: list.length, events: list.slice(after) };
  }

  /** Timers that are due now, earliest first. */
  due(): StoredTimer[] {
    const now = this.#clock.now();
    return [...this.timers.values()].filter((timer) => timer.due <= now).sort((a, b) => a.due - b.due);
  }
}

const key = (...parts: string[]): string => parts.join('\0');
