// The file with the routing rules of this replica: read at the start, and again when it changed. With a mistake in it the rules of before
// go on, and it is told what is wrong.
import { MAX_CONFIG_BYTES } from '../../base/config-file.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { readSmall } from '../../base/read-small.ts';
import { type RouteRules, routeRules } from '../../contract/routes/rules.ts';

export class RoutesFile {
  readonly path: string;
  readonly #log: Logger;
  #text: string | undefined;
  #rules: RouteRules | undefined;
  #problem = '';

  /** Reads it. Throws CONFIG_INVALID: a replica does not begin with rules that nobody meant. */
  constructor(path: string, log: Logger) {
    this.path = path;
    this.#log = log;
    this.#take(this.#read());
  }

  /** Undefined while there is no such file, or nothing in it. */
  get rules(): RouteRules | undefined {
    return this.#rules;
  }

  /** What is wrong with the file as it is now; empty when nothing is. */
  get problem(): string {
    return this.#problem;
  }

  /** Reads it again, if it changed. Never throws. */
  look(): void {
    try {
      const text = this.#read();
      if (text === this.#text && this.#problem === '') return;
      this.#take(text);
      this.#problem = '';
      this.#log.info('the routing rules were read', { file: this.path, tiers: this.#rules?.tiers.length ?? 0 });
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem)
        this.#log.warn('the routing rules cannot be used; those of before go on', { problem });
      this.#problem = problem;
    }
  }

  #take(text: string): void {
    this.#rules = text.trim() === '' ? undefined : routeRules(this.path, text);
    this.#text = text;
  }

  #read(): string {
    const read = readSmall(this.path, MAX_CONFIG_BYTES);
    if (read === undefined) return '';
    if ('text' in read) return read.text;
    const { problem, cause } = read;
    throw new AppError('CONFIG_INVALID', { file: this.path, line: 1, column: 1, problem }, { cause });
  }
}
