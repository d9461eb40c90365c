// Commits what was decided and tells who listens: jobs are promised to their workers before, the folded streams follow after. When
// the store did not say what became of a commit, the inbox knows.
import type { RunEvent } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { fullJitter } from '../../../base/backoff.ts';
import { type Clock, sleep } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/logger.ts';
import type { MethodRegistry } from '../../../contract/registry.ts';
import { CONFIRMED_JOB, versionNeeded } from '../../store/event-version.ts';
import type { CommitResult, CommitUnit, EventStore, OutboxRow, TimerRow } from '../../store/unit.ts';
import type { FoldedRun } from '../run/state.ts';
import { Nonces, sameOutcome } from './command-outcome.ts';
import type { FoldedStreams } from './folded-streams.ts';
import type { HandOff } from './hand-off.ts';
import { buildUnit, type Changes, type RunChange, runChange } from './unit-builder.ts';
import { ifReadable } from './unreadable.ts';

export interface RunCommitsParts {
  readonly store: EventStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly methods: MethodRegistry;
  /** What a million tokens count where no price is known; default 100. */
  readonly unknownPrice?: number | undefined;
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
  /** This replica knows that it committed it. False for what it read: another one did, or it did and got no answer. */
  readonly isOwn: boolean;
}

/** Errors after which it is certain that nothing was written. */
const CERTAIN: ReadonlySet<string> = new Set([
  'STORE_BUSY',
  'STORE_REFUSED',
  'INVALID_ARGUMENT',
  'LIMIT_EXCEEDED',
  'CLOSED',
]);

const ROUNDS = 3;

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
    const { methods, unknownPrice = 100 } = this.#parts;
    const unit = buildUnit(changes, this.#nonces.next(), { methods, unknownPrice }, holderOf);
    try {
      const needed = versionNeeded(kindsOf(unit, runs));
      // An older replica beside this one could not read it.
      if (needed > 0 && !(await (this.#parts.allKnow?.(needed) ?? true))) throw new AppError('VERSIONS_MIXED');
      const committing = commitSurely(this.#parts, unit);
      // After the statement has left: what a worker is sent does not hold it up.
      if (promised.size > 0) setImmediate(() => this.#begin(runs, promised));
      const result = await committing;
      if (result.status !== 'committed') {
        const own = result.status === 'duplicate' && sameOutcome(result.outcome, unit.outcome);
        // The same dispatch may have been made by another replica, for itself.
        if (!own) this.#handOff?.withdraw(promised);
        await this.#catchUp(changes);
        return own ? { status: 'committed', at: this.#parts.clock.now() } : result;
      }
      for (const { after } of runs) this.#streams.runs.put(tenant, after.id, after, bytesOf(unit, after.id));
      for (const { after } of conversations)
        this.#streams.conversations.put(tenant, after.id, after, bytesOf(unit, after.id));
      for (const change of runs) this.#tell(change, true);
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
        if (this.#handOff?.promise({ ...row, tenant: after.tenant, method, conversation: after.conversation }))
          promised.add(row.dispatchId);
      }
    }
    return promised;
  }

  /** Jobs whose dispatch no other decision can name are with their workers before the store has answered. */
  #begin(runs: readonly RunChange[], promised: ReadonlySet<string>): void {
    for (const { after, effects } of runs) {
      for (const { dispatchId, job } of effects.outbox) {
        const queued = after.jobs.get(job);
        const own = queued?.attempts === 1 && queued.nonce !== '';
        if (own && promised.has(dispatchId)) this.#handOff?.begin(dispatchId, after);
      }
    }
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
      this.#tell(runChange(read.before, read.state, read.events, this.#parts.clock.now()), false);
    }
  }

  #tell({ after, events, effects }: RunChange, isOwn: boolean): void {
    if (events.length === 0) return;
    const committed: Committed = {
      tenant: after.tenant,
      run: after.id,
      state: after,
      events,
      outboxAdded: effects.outbox,
      outboxDone: effects.outboxDone,
      timersAdded: effects.timers,
      isOwn,
    };
    for (const listener of this.#listeners) {
      try {
        listener(committed);
      } catch (error) {
        this.#parts.log.error('a listener of commits failed', error, { tenant: after.tenant, run: after.id });
      }
    }
  }
}

function* kindsOf({ parts }: CommitUnit, runs: readonly RunChange[]): Generator<string> {
  for (const { events } of parts) for (const { type } of events) yield type;
  for (const { events } of runs)
    for (const { event } of events) if (event.case === 'jobQueued' && event.value.confirm) yield CONFIRMED_JOB;
}

/** Of the events that the unit adds to a stream. */
function bytesOf({ parts }: CommitUnit, stream: string): number {
  let bytes = 0;
  for (const part of parts) if (part.stream === stream) for (const { data } of part.events) bytes += data.length;
  return bytes;
}

/** The result of a commit; throws the store's last error when also the inbox could not be asked. */
async function commitSurely(
  parts: { readonly store: EventStore; readonly clock: Clock; readonly log: Logger },
  unit: CommitUnit,
): Promise<CommitResult> {
  const { store, clock, log } = parts;
  for (let round = 1; ; round++) {
    try {
      return await store.commit(unit);
    } catch (error) {
      if (error instanceof AppError && CERTAIN.has(error.reason)) throw error;
      log.warn('a commit has no answer; asking the inbox', { source: unit.source, command: unit.commandId, round });
      const outcome = await recorded(store, unit);
      if (outcome) return { status: 'duplicate', outcome };
      if (round >= ROUNDS) throw error;
      // The first repeat is at once: most lost answers are single ones.
      if (round > 1) await sleep(clock, fullJitter(round, 50, 1000));
    }
  }
}

async function recorded(store: EventStore, unit: CommitUnit): Promise<Uint8Array | undefined> {
  try {
    return await store.outcome(unit.tenant, unit.source, unit.commandId);
  } catch {
    return undefined;
  }
}
