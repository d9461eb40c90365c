// The times of calls: by which clock they are judged, and how long the key of one is known.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ToolCall } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { Logger } from '../../base/logger.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { Execution } from './execution.ts';
import { checkTimes } from './verify-call.ts';

export interface CallTimesParts {
  readonly journal: Pick<EdgeJournal, 'time' | 'signedTime'>;
  readonly limits: { readonly call_hours: number };
  readonly log: Logger;
}

export class CallTimes {
  readonly #parts: CallTimesParts;

  constructor(parts: CallTimesParts) {
    this.#parts = parts;
  }

  /** When a call was signed is what time it was at the control plane. */
  signed({ issueTime }: ToolCall): void {
    if (!issueTime) return;
    this.#parts.journal
      .signedTime(timestampMs(issueTime), false)
      .catch((error: unknown) => this.#parts.log.warn('the time could not be set', { problem: String(error) }));
  }

  /** One that has waited for the owner has no time of its own any more. @throws CALL_WITHOUT_EXPIRY, CALL_EXPIRED */
  check({ call, waited }: Execution): void {
    if (!waited) checkTimes(call, this.#now(), this.#longestMs);
  }

  /** By then whatever is signed for a key now has expired. */
  get latestExpiry(): number {
    return this.#now() + this.#longestMs;
  }

  /** A call is judged by the clock that set its times: that of the control plane, as it signed it in this session. */
  #now(): number {
    const { time } = this.#parts.journal;
    return time.control() ?? time.now();
  }

  get #longestMs(): number {
    return this.#parts.limits.call_hours * 3_600_000;
  }
}
