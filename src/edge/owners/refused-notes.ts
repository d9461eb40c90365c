// Notes that were refused: counted for the owner, and written into the journal one by one as long as the refusals of an hour allow it,
// then as sums. So whoever sends many cannot push out what tells of other things.

import type { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { toFailure } from '../../contract/errors.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { RecordInit } from '../journal/records.ts';
import { refusalSumRecord } from '../runner/outcome-records.ts';
import { RefusalCounts } from '../runner/refusal-counts.ts';

const METHOD = 'bowline.control.v1.ApprovalService/SendOwnerNote';

export class RefusedNotes {
  /** Since the start. */
  readonly counts = new RefusalCounts();
  readonly #journal: Pick<EdgeJournal, 'append' | 'refusals' | 'now'>;
  readonly #log: Logger;

  constructor(journal: Pick<EdgeJournal, 'append' | 'refusals' | 'now'>, log: Logger) {
    this.#journal = journal;
    this.#log = log;
  }

  /** @param about the approval, or the pairing; chosen by whoever sent it */
  async add(why: AppError, about: string): Promise<void> {
    const journal = this.#journal;
    const failure = toFailure(why);
    const at = journal.now();
    this.counts.add(failure, at);
    this.#log.warn('a note that claims to come from the owner was refused', { reason: why.reason });
    const records: RecordInit[] = journal.refusals.pullSums(at).map(refusalSumRecord);
    const { reason, code, retryable } = failure;
    if (journal.refusals.admit(reason, at))
      records.push({
        case: 'toolRefused',
        value: { job: about, method: METHOD, failure: { reason, code, retryable } },
      });
    if (records.length === 0) return;
    try {
      await journal.append(records);
    } catch (error) {
      this.#log.warn('a refused note could not be journaled', { problem: String(error) });
    }
  }
}
