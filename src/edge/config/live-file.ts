// What a file of the owner says now. It is looked at before each use, so that nothing depends on being told of an edit; and now and then
// without a use, so that an edit shows soon. A file that has changed is read when it has held still for a moment: half of it may say more
// than the whole.
import { type BigIntStats, statSync } from 'node:fs';
import { type Clock, sleep } from '../../base/clock.ts';
import type { AppError } from '../../base/errors.ts';
import { systemCode } from '../../base/system-code.ts';
import { toAppError } from '../../contract/errors.ts';

export interface LiveFileParts<T> {
  readonly file: string;
  readonly clock: Clock;
  /** Reads it, and makes of it what is used. */
  readonly read: () => Promise<T>;
  /** Told each time that it was read, before anybody uses it. */
  readonly onRead: (now: FileReading<T>) => void;
}

export type FileReading<T> = { readonly value: T } | { readonly problem: AppError };

/** How long it holds still before it is read. Times of files go by ticks of at most 10 ms, so the next edit shows by then. */
const STILL_MS = 100;
const STEP_MS = 20;
/** How often it is looked at without a use. */
const LOOK_MS = 1_000;

export class LiveFile<T> {
  readonly #parts: LiveFileParts<T>;
  /** As it was when it was read; empty: it is to be read again. */
  #stamp = '';
  #now: FileReading<T>;
  #last: T;
  #reading: Promise<void> | undefined;
  #stopLooking: (() => void) | undefined;
  #stopped = false;

  private constructor(parts: LiveFileParts<T>, first: T) {
    this.#parts = parts;
    this.#now = { value: first };
    this.#last = first;
  }

  /** Reads it. @throws what `read` throws */
  static async open<T>(parts: LiveFileParts<T>): Promise<LiveFile<T>> {
    const before = stampOf(parts.file);
    const live = new LiveFile(parts, await parts.read());
    // What changed a moment ago may have been half written, or change again without another time.
    if (Math.abs(parts.clock.now() - before.changedMs) >= STILL_MS) live.#stamp = before.text;
    parts.onRead(live.#now);
    live.#lookLater();
    return live;
  }

  stop(): void {
    this.#stopped = true;
    this.#stopLooking?.();
  }

  /** What it says, after every edit that was finished before. @throws why it cannot be used, why `signal` aborted */
  async current(signal?: AbortSignal): Promise<T> {
    while (this.#stamp !== stampOf(this.#parts.file).text && !this.#stopped) await orAborted(this.#readAgain(), signal);
    if ('problem' in this.#now) throw this.#now.problem;
    return this.#now.value;
  }

  /** Whether this is what it says still. */
  isCurrent(value: T): boolean {
    return 'value' in this.#now && this.#now.value === value && this.#stamp === stampOf(this.#parts.file).text;
  }

  /** What it said when it could be used last, by the last look at it. */
  get last(): T {
    return this.#last;
  }

  /** Why it could not be used, by the last look at it. */
  get problem(): AppError | undefined {
    return 'problem' in this.#now ? this.#now.problem : undefined;
  }

  #readAgain(): Promise<void> {
    this.#reading ??= this.#readWhenStill().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readWhenStill(): Promise<void> {
    for (;;) {
      const stamp = await this.#still();
      const now = await this.#read();
      if (stampOf(this.#parts.file).text !== stamp && !this.#stopped) continue;
      this.#stamp = stamp;
      this.#now = now;
      if ('value' in now) this.#last = now.value;
      return this.#parts.onRead(now);
    }
  }

  /** Resolves with its stamp when that has not changed for a while. */
  async #still(): Promise<string> {
    const { clock, file } = this.#parts;
    let { text } = stampOf(file);
    for (let since = clock.monotonic(); clock.monotonic() - since < STILL_MS && !this.#stopped; ) {
      await sleep(clock, STEP_MS);
      const now = stampOf(file).text;
      if (now === text) continue;
      text = now;
      since = clock.monotonic();
    }
    return text;
  }

  async #read(): Promise<FileReading<T>> {
    try {
      return { value: await this.#parts.read() };
    } catch (error) {
      return { problem: toAppError(error) };
    }
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#stopLooking = this.#parts.clock.after(LOOK_MS, () => {
      const done = this.#stamp === stampOf(this.#parts.file).text ? Promise.resolve() : this.#readAgain();
      void done.finally(() => this.#lookLater());
    });
  }
}

/** Changes with every change of a file, of its mode, and of where a link leads. */
function stampOf(file: string): { readonly text: string; readonly changedMs: number } {
  let found: BigIntStats | undefined;
  try {
    found = statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    return { text: `cannot be looked at: ${systemCode(error)}`, changedMs: 0 };
  }
  if (!found) return { text: 'none', changedMs: 0 };
  const { dev, ino, size, mtimeNs, ctimeNs, mode, uid, gid } = found;
  return {
    text: [dev, ino, size, mtimeNs, ctimeNs, mode, uid, gid].join(' '),
    changedMs: Number(ctimeNs / 1_000_000n),
  };
}

function orAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) return leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
