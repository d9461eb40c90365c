// The keyboard while a question stands there, key by key. A question is asked when the keyboard has been silent for a moment after it was
// shown: what was typed before it could be read answers nothing.
import type { CliIo } from '../io.ts';
import { type AnswerKey, KeyFilter, LEAVE_PASTES, MARK_PASTES } from './key-filter.ts';

/** The silence after which a question is asked. */
const SILENCE_MS = 400;

type Keyboard = CliIo['stdin'] & { setRawMode(on: boolean): unknown };

/** Whether someone can be asked there: a keyboard that tells each key, and a terminal that shows the question. */
export const canBeAsked = (io: CliIo): boolean =>
  io.stdin.isTTY === true && 'setRawMode' in io.stdin && io.stderr.isTTY === true;

export class AnswerKeys {
  readonly #keyboard: Keyboard;
  readonly #io: CliIo;
  readonly #filter = new KeyFilter();
  #listener: ((key: AnswerKey) => void) | undefined;

  constructor(io: CliIo) {
    this.#io = io;
    this.#keyboard = io.stdin as Keyboard;
    this.#keyboard.setRawMode(true);
    this.#keyboard.on('data', this.#onData).on('end', this.#onEnd).resume();
    io.stderr.write(MARK_PASTES);
  }

  readonly #onData = (data: Buffer | string) => this.#listener?.(this.#filter.take(String(data)));
  readonly #onEnd = () => this.#listener?.('leave');

  /** Until nobody types any more. `leave` when Ctrl-C was pressed, `changed` when the signal aborted. */
  silence(changed: AbortSignal): Promise<'silent' | 'leave' | 'changed'> {
    return this.#listen(changed, (settle) => {
      const silent = () => settle('silent');
      let timer = setTimeout(silent, SILENCE_MS);
      return {
        take: (key) => {
          clearTimeout(timer);
          if (key === 'leave') settle('leave');
          else timer = setTimeout(silent, SILENCE_MS);
        },
        stop: () => clearTimeout(timer),
      };
    });
  }

  /** The next key. */
  next(changed: AbortSignal): Promise<{ readonly key: string } | 'leave' | 'changed'> {
    return this.#listen(changed, (settle) => ({
      take: (key) => {
        if (key !== 'none') settle(key);
      },
      stop: () => {},
    }));
  }

  giveBack(): void {
    this.#listener = undefined;
    this.#io.stderr.write(LEAVE_PASTES);
    this.#keyboard.off('data', this.#onData).off('end', this.#onEnd);
    this.#keyboard.setRawMode(false);
    this.#keyboard.pause();
  }

  #listen<T>(
    changed: AbortSignal,
    begin: (settle: (value: T | 'changed') => void) => { take(key: AnswerKey): void; stop(): void },
  ): Promise<T | 'changed'> {
    return new Promise((resolve) => {
      const settle = (value: T | 'changed') => {
        changed.removeEventListener('abort', onChange);
        this.#listener = undefined;
        stop();
        resolve(value);
      };
      const onChange = () => settle('changed');
      const { take, stop } = begin(settle);
      this.#listener = take;
      if (changed.aborted) settle('changed');
      else changed.addEventListener('abort', onChange);
    });
  }
}
