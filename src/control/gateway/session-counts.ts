// How many may be in at once, by name: sessions of one device, of one worker key.
import { AppError, type SettingInWords } from '../../base/errors.ts';

export class SessionCounts {
  readonly #inside = new Map<string, number>();
  readonly #limit: number;
  readonly #what: string;
  readonly #setting: SettingInWords;

  /** @param what is counted, in words */
  constructor(limit: number, what: string, setting: SettingInWords) {
    this.#limit = limit;
    this.#what = what;
    this.#setting = setting;
  }

  /** Lets one in and returns how to leave. Throws LIMIT_EXCEEDED. */
  enter(name: string): () => void {
    const inside = this.#inside.get(name) ?? 0;
    if (inside >= this.#limit) {
      throw new AppError('LIMIT_EXCEEDED', { what: this.#what, limit: this.#limit, setting: this.#setting });
    }
    this.#inside.set(name, inside + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const now = (this.#inside.get(name) ?? 1) - 1;
      if (now > 0) this.#inside.set(name, now);
      else this.#inside.delete(name);
    };
  }

  /** Lets one in until the signal. Throws LIMIT_EXCEEDED. */
  until(signal: AbortSignal, name: string): void {
    const leave = this.enter(name);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  }
}
