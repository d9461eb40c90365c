// Tasks beside a reader that goes on reading: those with the same key one after the other, the others beside each other, and
// what they have to tell is told in the order in which they came. The first failure ends all of it.
import { fixedLimit } from '../../base/fixed-limit.ts';

export interface OrderedTasksOptions {
  /** Tasks that may be there, begun or not; an add beyond it throws LIMIT_EXCEEDED. */
  readonly max: number;
  /** Tasks that may be under way at once. */
  readonly running: number;
  /** Told once, after which no further task begins and nothing more is told. */
  readonly failed: (error: unknown) => void;
}

type Tell = () => void;

interface Entry {
  readonly key: string;
  readonly task: () => Promise<Tell | undefined>;
  /** Set when the task has ended. */
  tell: Tell | undefined;
}

export class OrderedTasks {
  readonly #options: OrderedTasksOptions;
  /** All entries that are not told, oldest first. */
  readonly #line: Entry[] = [];
  /** By key, the entries behind the one that is ready or running. */
  readonly #behind = new Map<string, Entry[]>();
  readonly #ready: Entry[] = [];
  #running = 0;
  #ended = false;

  constructor(options: OrderedTasksOptions) {
    this.#options = options;
  }

  /** Adds a task. What it resolves to is called when all tasks that came before it are told. Throws LIMIT_EXCEEDED. */
  add(key: string, task: () => Promise<Tell | undefined>): void {
    if (this.#ended) return;
    if (this.#line.length >= this.#options.max) {
      const what = 'the number of frames that wait for the database';
      throw fixedLimit(what, this.#options.max, 'send fewer at once');
    }
    const entry: Entry = { key, task, tell: undefined };
    this.#line.push(entry);
    const behind = this.#behind.get(key);
    if (behind) {
      behind.push(entry);
      return;
    }
    this.#behind.set(key, []);
    this.#ready.push(entry);
    this.#start();
  }

  /** No further task begins, and nothing more is told. */
  end(): void {
    this.#ended = true;
    this.#line.length = 0;
    this.#ready.length = 0;
    this.#behind.clear();
  }

  #start(): void {
    while (this.#running < this.#options.running) {
      const entry = this.#ready.shift();
      if (!entry) return;
      this.#running++;
      void this.#run(entry);
    }
  }

  async #run(entry: Entry): Promise<void> {
    try {
      entry.tell = (await entry.task()) ?? nothing;
      if (!this.#ended) this.#next(entry);
    } catch (error) {
      if (this.#ended) return;
      this.end();
      this.#options.failed(error);
    } finally {
      this.#running--;
      this.#start();
    }
  }

  #next({ key }: Entry): void {
    const behind = this.#behind.get(key);
    const next = behind?.shift();
    if (next) this.#ready.push(next);
    else this.#behind.delete(key);
    while (this.#line[0]?.tell) this.#line.shift()?.tell?.();
  }
}

const nothing = (): void => {};
