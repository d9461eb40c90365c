// Notes between one connected edge and its owner's keys on other machines. Resync is by state: an edge says all of its notes anew in each
// session, and is told all that waits for it, until it says that it has taken them.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { OwnerNoteTaken, SealedNote } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import type { Clock } from '../../base/clock.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import type { Logger } from '../../base/logger.ts';
import type { OwnerNotes } from '../notes/owner-notes.ts';
import type { EdgeBody } from './edge-follows.ts';
import type { LiveEdge } from './live-edge.ts';
import type { PeerQueue } from './peer-queue.ts';

export interface EdgeNotesParts {
  readonly notes: OwnerNotes;
  readonly edge: LiveEdge;
  readonly out: PeerQueue<EdgeBody>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Notes of one edge that wait for the database. */
const MOST_WAITING = 1_024;

export class EdgeNotes {
  readonly #parts: EdgeNotesParts;
  /** Sent in this session and not taken, with what was sent. */
  readonly #sent = new Map<string, Uint8Array>();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #looking = false;
  #again = false;

  constructor(parts: EdgeNotesParts) {
    this.#parts = parts;
  }

  /** The edge says something to its owner. @param done called when it is kept */
  said({ key, id, body, expireTime, first }: SealedNote, done: () => void): void {
    const { notes, clock } = this.#parts;
    const now = clock.now();
    this.#inTurn(async () => {
      if (first) await notes.forget(this.#of);
      if (key === '' || id === '') return;
      const expiresAt = expireTime ? timestampMs(expireTime) : now;
      await notes.fromDevice(this.#of, { key, id, body }, expiresAt, now);
    }, done);
  }

  taken(taken: OwnerNoteTaken): void {
    this.#sent.delete(`${taken.key}/${taken.id}`);
    this.#inTurn(
      () => this.#parts.notes.taken(this.#of, taken),
      () => {},
    );
  }

  /** Something may wait for the edge. Never throws. */
  look(): void {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    void this.#send().finally(() => {
      this.#looking = false;
    });
  }

  async #send(): Promise<void> {
    const { notes, out, log } = this.#parts;
    try {
      while (this.#again && !out.ended) {
        this.#again = false;
        for (const { key, id, body } of await notes.waiting(this.#of)) {
          const before = this.#sent.get(`${key}/${id}`);
          if (before && Buffer.compare(before, body) === 0) continue;
          this.#sent.set(`${key}/${id}`, body);
          out.offer({ case: 'ownerNote', value: { key, id, body } });
        }
      }
    } catch (error) {
      log.warn('notes for an edge were not read; they come with its next session, or the next note', {
        why: String(error),
      });
    }
  }

  #inTurn(task: () => Promise<void>, done: () => void): void {
    if (this.#waiting >= MOST_WAITING)
      throw fixedLimit('the number of notes that wait for the database', MOST_WAITING, 'send fewer at once');
    this.#waiting++;
    this.#last = this.#last
      .then(task)
      .catch((error: unknown) => {
        this.#parts.log.warn('a note of an edge was not kept; it comes again in its next session', {
          why: String(error),
        });
      })
      .finally(() => {
        this.#waiting--;
        done();
      });
  }

  get #of() {
    const { tenant, device } = this.#parts.edge;
    return { tenant, device };
  }
}
