// Keeps what changes replace: the bytes as a synced blob, then a synced record, then the change may happen. Bounded by bytes and age; the
// oldest goes first.
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { FileEffect } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { Blobs } from '../journal/blobs.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import { withoutDiff } from '../tools/fs/change/file-effect.ts';
import type { Temporaries } from '../tools/fs/change/temporaries.ts';
import type { KeptContent } from '../tools/kept-content.ts';
import type { ChangeKeeper, KeptCall, ReplacedState } from '../tools/tool.ts';
import { ChangeLines } from './change-lines.ts';

export interface KeptChangesParts {
  readonly journal: Pick<EdgeJournal, 'append' | 'changes' | 'now'>;
  readonly blobs: Pick<Blobs, 'putPieces' | 'remove' | 'keep' | 'bytes' | 'names'>;
  readonly temporaries: Temporaries;
  readonly maxBytes: number;
  readonly days: number;
}

const DAY_MS = 86_400_000;

export class KeptChanges implements ChangeKeeper {
  readonly #parts: KeptChangesParts;
  readonly #lines = new ChangeLines();
  /** One at a time makes room, so that what one has counted on is not taken by another. */
  #room: Promise<unknown> = Promise.resolve();

  constructor(parts: KeptChangesParts) {
    this.#parts = parts;
  }

  get temporaries(): Temporaries {
    return this.#parts.temporaries;
  }

  /** At the start: what is too old goes, every blob that no change names, and what a kill has left beside files. */
  async start(): Promise<void> {
    await this.temporaries.sweep();
    await this.#forgetOld();
    await this.#parts.blobs.keep(this.#parts.journal.changes.blobs());
  }

  inLine<T>(paths: readonly string[], act: () => Promise<T>): Promise<T> {
    return this.#lines.inLine(paths, act);
  }

  keep(call: KeptCall, effect: FileEffect, content: KeptContent | undefined): Promise<void> {
    return this.keepUndo(call, effect, content, 0);
  }

  /** The same of a change that takes another back. @param undoes sequence of that one; 0: none */
  async keepUndo(call: KeptCall, effect: FileEffect, content: KeptContent | undefined, undoes: number): Promise<void> {
    const { maxBytes } = this.#parts;
    if (maxBytes > 0 && content && content.bytes > maxBytes) {
      throw new AppError('LIMIT_EXCEEDED', {
        what: 'what is kept of a file before it is changed',
        limit: maxBytes,
        setting: 'limits.changes_bytes in config.yaml',
      });
    }
    await this.#keep(call, [{ effect, content }], undoes);
  }

  whyNotKept(bytes: number): string {
    const { maxBytes } = this.#parts;
    if (bytes === 0 || bytes <= maxBytes) return '';
    if (maxBytes === 0) return 'nothing that is replaced is kept: limits.changes_bytes is 0';
    return `it replaces ${bytes} bytes, and limits.changes_bytes keeps ${maxBytes}`;
  }

  async keepAll(call: KeptCall, changes: readonly ReplacedState[]): Promise<void> {
    const bytes = changes.reduce((sum, { content }) => sum + (content?.bytes ?? 0), 0);
    const none = this.whyNotKept(bytes) !== '';
    await this.#keep(call, none ? changes.map(({ effect }) => ({ effect, content: undefined })) : changes, 0);
  }

  /** All of it, or nothing: bytes without a record are given up. */
  async #keep(call: KeptCall, changes: readonly ReplacedState[], undoes: number): Promise<void> {
    const { journal, blobs, maxBytes } = this.#parts;
    const names: string[] = [];
    try {
      for (const { content } of changes) {
        const kept = maxBytes > 0 && content && content.bytes > 0 ? content : undefined;
        names.push(kept ? await this.#inTurn(() => this.#put(kept)) : '');
      }
      const { key: idempotencyKey, run, job } = call;
      const common = { idempotencyKey, run, job, createTime: timestampFromMs(journal.now()), undoes: BigInt(undoes) };
      await journal.append(
        changes.map(({ effect }, n) => ({
          case: 'changeKept' as const,
          value: { ...common, effect: withoutDiff(effect), blob: names[n]! },
        })),
      );
    } catch (error) {
      for (const blob of names) await blobs.remove(blob);
      throw error;
    }
  }

  async #put({ bytes, pieces }: KeptContent): Promise<string> {
    const { journal, blobs, maxBytes } = this.#parts;
    await this.#forgetOld();
    for (const change of journal.changes.list()) {
      if (blobs.bytes + bytes <= maxBytes) break;
      await this.#forget(change.sequence);
    }
    return blobs.putPieces(bytes, pieces());
  }

  async #forgetOld(): Promise<void> {
    const { journal, days } = this.#parts;
    const past = journal.now() - days * DAY_MS;
    for (const change of journal.changes.list()) {
      if (change.at >= past) break;
      journal.changes.forget(change.sequence);
    }
    await this.#removeDropped();
  }

  async #forget(sequence: number): Promise<void> {
    this.#parts.journal.changes.forget(sequence);
    await this.#removeDropped();
  }

  /** Also of changes that the journal has forgotten by itself, because there are too many. */
  async #removeDropped(): Promise<void> {
    for (const blob of this.#parts.journal.changes.pullDropped()) await this.#parts.blobs.remove(blob);
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#room.then(act);
    this.#room = result.catch(() => {});
    return result;
  }
}
