// Lasting grants at work: which one covers a call, one use for each call that begins, and their ends. The runner is given what covers and
// counts; the owner alone makes and revokes.
import type { Approval, CallGrant, GrantWish } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { GrantEndReason } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { causeText } from '../../base/cause-text.ts';
import type { Clock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import type { Logger } from '../../base/logger.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { RecordInit } from '../journal/records.ts';
import { callGrantOf, coversCall, type GrantableCall, grantExpiry } from './call-grant.ts';

export interface CallGrantsParts {
  readonly journal: Pick<EdgeJournal, 'append' | 'callGrants' | 'now'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One use that is taken: its record beside the intent, and what is to be called when that is written, or was not. */
export interface GrantUse {
  readonly ends: readonly RecordInit[];
  written(): void;
}

const MOST_GRANTS = 64;
/** How often the time is looked at, because it may be set. */
const LOOK_MS = 3_600_000;

export class CallGrants {
  readonly #parts: CallGrantsParts;
  /** Uses whose intents are being written. */
  readonly #taken = new Map<string, number>();
  /** Those that end at once, whatever becomes of the record of it. */
  readonly #over = new Set<string>();
  #stopTimer: (() => void) | undefined;
  #stopped = false;

  constructor(parts: CallGrantsParts) {
    this.#parts = parts;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopTimer?.();
  }

  /** Whether any could cover a call of this method that this entry permits. */
  any(method: string, entry: string): boolean {
    return this.#inForce().some((grant) => grant.method === method && grant.entry === entry);
  }

  /** The one that covers what a call would do; of several the one that ends first. */
  covering(call: GrantableCall): string | undefined {
    const all = this.#inForce().filter((grant) => coversCall(grant, call));
    return all.sort((a, b) => grantExpiry(a) - grantExpiry(b))[0]?.id;
  }

  /** Takes one use, for a call whose intent is written next; undefined when there is none left by now. */
  take(id: string): GrantUse | undefined {
    const grant = this.#inForce().find((one) => one.id === id);
    if (!grant) return undefined;
    const taken = (this.#taken.get(id) ?? 0) + 1;
    this.#taken.set(id, taken);
    const isLast = this.#parts.journal.callGrants.used(id) + taken >= grant.uses;
    return {
      ends: isLast ? [ended(id, GrantEndReason.USED_UP)] : [],
      written: () => {
        const left = (this.#taken.get(id) ?? 1) - 1;
        if (left > 0) this.#taken.set(id, left);
        else this.#taken.delete(id);
      },
    };
  }

  /** Whether a call that has taken a use of it may still begin: nobody revoked it, and its time is not over. */
  holds(id: string): boolean {
    const { callGrants: book } = this.#parts.journal;
    const grant = book.known(id);
    const why = book.endOf(id);
    if (!grant || this.#over.has(id) || (why !== undefined && why !== GrantEndReason.USED_UP)) return false;
    return grantExpiry(grant) > this.#parts.journal.now();
  }

  /** The records of grants that an answer makes. @throws GRANT_TOO_WIDE, INVALID_ARGUMENT, GRANTS_FULL */
  minted(approvals: readonly (Approval | undefined)[], wish: GrantWish | undefined, by: string): RecordInit[] {
    if (!wish) return [];
    if (this.list().length >= MOST_GRANTS) throw new AppError('GRANTS_FULL', { limit: MOST_GRANTS });
    const now = this.#parts.journal.now();
    return approvals.flatMap((approval) => {
      const grant = approval && callGrantOf(approval, wish, { id: newId(), now, by });
      return grant ? [{ case: 'callGrantMinted' as const, value: { grant } }] : [];
    });
  }

  /** Those that hold now, oldest first. */
  list(): CallGrant[] {
    const now = this.#parts.journal.now();
    return this.#parts.journal.callGrants
      .list()
      .filter((grant) => !this.#over.has(grant.id) && grantExpiry(grant) > now);
  }

  used(id: string): number {
    return this.#parts.journal.callGrants.used(id);
  }

  /** Ends it at once, also for a call that waits for its turn. @throws what the journal throws: it has ended all the same until a restart */
  async revoke(id: string): Promise<void> {
    if (!this.list().some((grant) => grant.id === id)) throw new AppError('NOT_FOUND', { kind: 'grant' });
    this.#over.add(id);
    await this.#parts.journal.append([ended(id, GrantEndReason.REVOKED)]);
  }

  #inForce(): CallGrant[] {
    this.#arm();
    const { callGrants: book } = this.#parts.journal;
    return this.list().filter(({ id, uses }) => book.used(id) + (this.#taken.get(id) ?? 0) < uses);
  }

  /** Writes down those whose time is over, so that no clock that is set back brings one again; looks again when the next one ends. */
  #arm(): void {
    this.#stopTimer?.();
    if (this.#stopped) return;
    const now = this.#parts.journal.now();
    let next = LOOK_MS;
    for (const grant of this.#parts.journal.callGrants.list()) {
      const left = grantExpiry(grant) - now;
      if (left > 0) next = Math.min(next, left);
      else this.#expire(grant.id);
    }
    this.#stopTimer = this.#parts.clock.after(next, () => this.#arm());
  }

  #expire(id: string): void {
    if (this.#over.has(id)) return;
    this.#over.add(id);
    this.#parts.journal.append([ended(id, GrantEndReason.EXPIRED)]).catch((error: unknown) => {
      this.#parts.log.warn('the end of a grant could not be journaled; it has ended all the same', {
        id,
        problem: causeText(error),
      });
    });
  }
}

const ended = (id: string, why: GrantEndReason): RecordInit => ({ case: 'grantEnded', value: { id, why } });
