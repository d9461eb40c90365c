// Runs the thread of the embedded database: starts it, watches it, starts it again when it dies or hangs, ends it.
import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { fullJitter } from '../backoff.ts';
import { besideEntry } from '../beside-entry.ts';
import { causeText } from '../cause-text.ts';
import { AppError } from '../errors.ts';
import type { EmbeddedWorkerData, EmbeddedWorkerMessage, EmbeddedWorkerOrder } from './embedded-messages.ts';

export interface EmbeddedThreadOptions {
  /** Hears why the thread had to be started again, or made a database itself. */
  readonly onTrouble: (problem: string) => void;
  /** A thread that has not answered a ping for this long is replaced: a statement runs without an end. */
  readonly stuckMs: number;
}

const CLOSE_MS = 10_000;

export class EmbeddedThread {
  readonly #data: EmbeddedWorkerData;
  readonly #options: EmbeddedThreadOptions;
  #worker: Worker | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closing = false;
  #failures = 0;

  constructor(data: EmbeddedWorkerData, options: EmbeddedThreadOptions) {
    this.#data = data;
    this.#options = options;
  }

  /** Resolves when connections are taken. Throws DATABASE_UNUSABLE when the folder cannot be opened. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      rmSync(this.#data.socket, { force: true });
      const worker = new Worker(besideEntry(import.meta.url, 'embedded-worker'), {
        workerData: this.#data,
        name: 'database',
        execArgv: [],
      });
      this.#worker = worker;
      let problem = 'its thread ended';
      let ready = false;
      let heard = performance.now();
      let stopWatch = () => {};
      worker.on('message', (message: EmbeddedWorkerMessage) => {
        heard = performance.now();
        if (message.kind === 'trouble') this.#options.onTrouble(message.problem);
        if (message.kind === 'failed') problem = message.problem;
        if (message.kind !== 'ready') return;
        ready = true;
        stopWatch = this.#watch(worker, () => {
          if (performance.now() - heard < this.#options.stuckMs) return;
          problem = 'a statement ran for too long';
          void worker.terminate();
        });
        resolve();
      });
      worker.on('error', (error) => {
        problem = causeText(error);
      });
      worker.on('exit', () => {
        stopWatch();
        if (!ready) reject(new AppError('DATABASE_UNUSABLE', { problem }));
        else if (!this.#closing) this.#restart(problem);
      });
    });
  }

  /** Writes a checkpoint and ends the thread; after 10 s without. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    const worker = this.#worker;
    if (!worker || worker.threadId === -1) return;
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    tell(worker, 'close');
    const late = setTimeout(() => void worker.terminate(), CLOSE_MS);
    await gone;
    clearTimeout(late);
  }

  #watch(worker: Worker, look: () => void): () => void {
    const timer = setInterval(
      () => {
        look();
        tell(worker, 'ping');
      },
      Math.min(5000, this.#options.stuckMs / 4),
    );
    timer.unref();
    return () => clearInterval(timer);
  }

  #restart(problem: string): void {
    this.#options.onTrouble(problem);
    const again = async () => {
      try {
        await this.start();
        this.#failures = 0;
      } catch (error) {
        if (!this.#closing) this.#restart(error instanceof Error ? error.message : problem);
      }
    };
    this.#retry = setTimeout(again, 100 + fullJitter(++this.#failures, 500, 10_000));
  }
}

const tell = (worker: Worker, order: EmbeddedWorkerOrder) => worker.postMessage(order);
