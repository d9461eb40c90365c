// Collects what could not be read of what the owner meant, or not for certain, each once, so that one file does not stand in the way of the
// others.

import { create } from '@bufbuild/protobuf';
import {
  type DoubtfulText,
  DoubtfulTextSchema,
  type LeftOut,
  LeftOutSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { AboutText } from '../files/file-text.ts';

/** Left-out files that are told by name. */
const MOST = 1000;

export class LeftOutFiles {
  readonly #told = new Map<string, LeftOut>();
  readonly #doubtful = new Map<string, DoubtfulText>();
  #more = 0;

  add(path: string, { reason, message }: AppError): void {
    if (this.#told.size < MOST) this.#told.set(path, create(LeftOutSchema, { path, reason, problem: message }));
    else if (!this.#told.has(path)) this.#more++;
  }

  /** What is known of a text that is shared. */
  about(path: string, { guessed, warning }: AboutText): void {
    const problem = guessed === '' ? warning : `read as ${guessed}, a guess; save it as UTF-8 where letters are wrong`;
    if (problem !== '' && this.#doubtful.size < MOST)
      this.#doubtful.set(path, create(DoubtfulTextSchema, { path, problem }));
  }

  get doubtful(): readonly DoubtfulText[] {
    return [...this.#doubtful.values()];
  }

  /** How many were left out beside those in the list. */
  get more(): number {
    return this.#more;
  }

  get list(): readonly LeftOut[] {
    return [...this.#told.values()];
  }

  /** Throws SHARE_NO_MATCH where nothing of what was meant could be read. */
  mustLeave(files: readonly unknown[], patterns: readonly string[]): void {
    if (files.length > 0) return;
    const [first] = this.list;
    const why = first ? `${first.path}: ${first.problem}` : 'no such file in the allowed folders';
    throw new AppError('SHARE_NO_MATCH', { pattern: patterns.join(' '), why });
  }
}
