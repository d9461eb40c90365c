// The log of the edge without the values of secrets. The log begins before it is known where secrets lie.
import type { LogSink } from '../../base/logger.ts';
import type { SecretBook } from './secret-book.ts';

export class MaskedLog implements LogSink {
  readonly #sink: LogSink;
  #secrets: Pick<SecretBook, 'masker'> | undefined;

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  /** From now on these are masked. */
  use(secrets: Pick<SecretBook, 'masker'>): void {
    this.#secrets = secrets;
  }

  write(line: string): void {
    const secrets = this.#secrets;
    // To look for secrets may be to log what is wrong with one.
    this.#secrets = undefined;
    this.#sink.write(secrets?.masker?.text(line) ?? line);
    this.#secrets = secrets;
  }
}
