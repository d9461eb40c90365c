// Which calls were at work when the process ended. What happened once is no proof, and the call runs again; the same request at two
// ends, without having come to its own in between, is: this build does not run it again, under whatever key it comes. One that the owner
// was asked about was looked at to its end for that, so more ends are needed against it: a yes is not lost to two kills. Folded from
// the journal, so that it outlives the process.
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Entry, Fold } from '../journal/records.ts';

/** Ends after which a request, whatever its key, is refused. */
const ENDS = 2;
/** The same of a call that the owner was asked about. */
const ENDS_OF_ASKED = 8;
/** Requests that are remembered; the oldest go first. */
const MAX_REQUESTS = 1024;

export class Suspects implements Fold {
  readonly #ends = new Map<string, number>();
  #build = '';

  apply({ record }: Entry): void {
    // Another build may have mended what ended this one.
    if (record.case === 'started' && record.value.build !== this.#build) {
      this.#build = record.value.build;
      this.#ends.clear();
    }
    if (record.case === 'approvalRequested') this.#ends.delete(keyOf(record.value.paramsSha256));
    if (record.case !== 'toolOutcome') return;
    const request = keyOf(record.value.paramsSha256);
    const ends = (this.#ends.get(request) ?? 0) + 1;
    this.#ends.delete(request);
    if (record.value.failure?.reason !== 'CALL_ENDED_PROCESS') return;
    this.#ends.set(request, ends);
    dropOldest(this.#ends, MAX_REQUESTS);
  }

  /** Whether a request with this digest was at work at too many ends of the process, one after the other. */
  has(digest: Uint8Array, wasAsked: () => boolean): boolean {
    const ends = this.#ends.get(keyOf(digest)) ?? 0;
    return ends >= ENDS_OF_ASKED || (ends >= ENDS && !wasAsked());
  }
}

const keyOf = (digest: Uint8Array): string => Buffer.from(digest).toString('base64');
