// Commits a unit and finds out what became of it when the store did not say: the inbox knows.
import { fullJitter } from '../../../base/backoff.ts';
import { type Clock, sleep } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/logger.ts';
import type { CommitResult, CommitUnit, EventStore } from '../../store/unit.ts';

/** Errors after which it is certain that nothing was written. */
const CERTAIN: ReadonlySet<string> = new Set([
  'STORE_BUSY',
  'STORE_REFUSED',
  'INVALID_ARGUMENT',
  'LIMIT_EXCEEDED',
  'CLOSED',
]);

const ROUNDS = 3;

/** The result of a commit; throws the store's last error when also the inbox could not be asked. */
export async function commitSurely(
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
