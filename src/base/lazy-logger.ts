// A logger that is made when it is first used: where there are thousands, most never say anything. It keeps nothing else.
import type { Fields, Logger } from './logger.ts';

class LazyLogger implements Logger {
  readonly #make: () => Logger;
  #made: Logger | undefined;

  constructor(make: () => Logger) {
    this.#make = make;
  }

  debug(message: string, fields?: Fields): void {
    this.#log.debug(message, fields);
  }

  info(message: string, fields?: Fields): void {
    this.#log.info(message, fields);
  }

  warn(message: string, fields?: Fields): void {
    this.#log.warn(message, fields);
  }

  error(message: string, error?: unknown, fields?: Fields): void {
    this.#log.error(message, error, fields);
  }

  child(fields: Fields): Logger {
    return this.#log.child(fields);
  }

  get #log(): Logger {
    this.#made ??= this.#make();
    return this.#made;
  }
}

export const lazyLogger = (make: () => Logger): Logger => new LazyLogger(make);
