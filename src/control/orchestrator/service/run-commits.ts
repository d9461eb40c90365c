// Commits what was decided and tells who listens: jobs are promised to their workers before, the folded streams follow after.
import type { RunEvent } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/logger.ts';
import { versionNeeded } from '../../store/event-version.ts';
import type { CommitResult, EventStore, OutboxRow, TimerRow } from '../../store/unit.ts';
import type { FoldedRun } from '../run/state.ts';
import { Nonces, sameOutcome } from './command-outcome.ts';
import { commitSurely } from './committer.ts';
import type { FoldedStreams } from './folded-streams.ts';
import type { HandOff } from './hand-off.ts';
import { buildUnit, type Changes, type RunChange, runChange } from './unit-builder.ts';
import { ifReadable } from './unreadable.ts';

export interface RunCommitsParts {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether no work of this tenant may be given out; default: never. */
  readonly standsStill?: (tenant: string) => boolean;
  /** Whether every live replica knows the events of this version; default: this is the only one. */
  readonly allKnow?: (version: number) => Promise<boolean>;
}

/** What one commit changed in one run. */
export interface Committed {
  readonly tenant: string;
  readonly run: string;
  readonly state: FoldedRun;
  readonly events: readonly RunEvent[];
  readonly outboxAdded: readonly OutboxRow[];
  readonly outboxDone: readonly string[];
  readonly timersAdded: readonly TimerRow[];
}

export class RunCommits {
  readonly #parts: RunCommitsParts;
  readonly #streams: FoldedStreams;
  readonly #nonces = new Nonces();
  readonly #listeners = new Set<(committed: Committed) => void>();
  #handOff: HandOff | undefined;

  constructor(parts: RunCommitsParts, streams: FoldedStreams) {
    this.#parts = parts;
    this.#streams = streams;
  }

  onCommitted(listener: (committed: Committed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  handOffThrough(handOff: HandOff): void {
    this.#handOff = handOff;
  }

  /** Throws when the store does not answer, and VERSIONS_MIXED. */
  async commit(changes: Changes): Promise<CommitResult> {
    const { tenant, runs, conversations } = changes;
    const promised = this.#promise(runs);
    const holderOf = (id: string) => (promised.has(id) ? this.#handOff?.replica : undefined);
    const unit = buildUnit(changes, this.#nonces.next(), holderOf);
    try {
      const needed = versionNeeded(unit.parts.flatMap(({ events }) => events.map(({ type }) => type)));
      // An older replica beside this one could not read it.
      if (needed > 0 && !(await (this.#parts.allKnow?.(needed) ?? true))) throw new AppError('VERSIONS_MIXED');
      const result = await commitSurely(this.#parts, unit);
      if (result.status !== 'committed') {
        const own = result.status === 'duplicate' && sameOutcome(result.outcome, unit.outcome);
        // The same dispatch may have been made by another replica, for itself.
        if (!own) this.#handOff?.withdraw(promised);
        await this.#catchUp(changes);
        return own ? { status: 'committed', at: this.#parts.clock.now() } : result;
      }
      const bytes = new Map(
        unit.parts.map(({ stream, events }) => [stream, events.reduce((n, e) => n + e.data.length, 0)]),
      );
      for (const { after } of runs) this.#streams.runs.put(tenant, after.id, after, bytes.get(after.id) ?? 0);
      for (const { after } of conversations)
        this.#streams.conversations.put(tenant, after.id, after, bytes.get(after.id) ?? 0);
      for (const change of runs) this.#tell(change);
      return result;
    } catch (error) {
      // Whether it was written is not known, so nothing that is cached of these streams is.
      for (const { after } of runs) this.#streams.runs.forget(tenant, after.id);
      for (const { after } of conversations) this.#streams.conversations.forget(tenant, after.id);
      throw error;
    } finally {
      this.#handOff?.withdraw(promised);
    }
  }

  #promise(runs: readonly RunChange[]): Set<string> {
    const promised = new Set<string>();
    for (const { after, effects } of runs) {
      if (this.#parts.standsStill?.(after.tenant)) continue;
      for (const row of effects.outbox) {
        if (row.target !== 'worker' || row.state !== 'ready') continue;
        const method = after.jobs.get(row.job)?.method ?? '';
        if (this.#handOff?.promise({ ...row, tenant: after.tenant, method })) promised.add(row.dispatchId);
      }
    }
    return promised;
  }

  /** Reads what others, or a lost answer of our own, wrote; the latter nobody has told yet. */
  async #catchUp({ tenant, runs, conversations }: Changes): Promise<void> {
    const names = new Set(runs.map(({ after }) => after.id));
    // One that cannot be read is nobody's obstacle.
    for (const { after } of conversations) {
      const line = (await ifReadable(this.#streams.conversations.refresh(tenant, after.id)))?.state;
      if (line?.active) names.add(line.active);
    }
    for (const name of names) {
      const read = await ifReadable(this.#streams.runs.refresh(tenant, name));
      if (!read?.state || read.events.length === 0) continue;
      this.#tell(runChange(read.before, read.state, read.events, this.#parts.clock.now()));
    }
  }

  #tell({ after, events, effects }: RunChange): void {
    if (events.length === 0) return;
    const committed: Committed = {
      tenant: after.tenant,
      run: after.id,
      state: after,
      events,
      outboxAdded: effects.outbox,
      outboxDone: effects.outboxDone,
      timersAdded: effects.timers,
    };
    for (const listener of this.#listeners) {
      try {
        listener(committed);
      } catch (error) {
        this.#parts.log.error('a listener of commits failed', error, { run: after.id });
      }
    }
  }
}
