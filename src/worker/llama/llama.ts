// A worker's side of its llama process: starts it at the first ask, hands asks over, and closes it. Knows nothing of jobs.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findApart } from '../../base/apart-library.ts';
import { besideEntry } from '../../base/beside-entry.ts';
import { AppError } from '../../base/errors.ts';
import { LLAMA_PACKAGE } from './llama-library.ts';
import type { FromLlama, LlamaAsk, LlamaEvent, LlamaFile, ToLlama } from './llama-messages.ts';

const VERSION = '3.22.1';

/** The build of the package for this machine. */
const build = (): string =>
  process.platform === 'darwin' ? (process.arch === 'arm64' ? 'mac-arm64-metal' : 'mac-x64') : `linux-${process.arch}`;

/**
 * How the optional package is installed small: without the builds for other machines, and without what it would compile. In a
 * folder of its own: among Bowline's packages, `--omit=optional` would take away the Node that Bowline runs on.
 */
export const installCommand = (folder: string): string =>
  `npm i --no-save --ignore-scripts --omit=optional --prefix ${quoted(folder)} ${LLAMA_PACKAGE}@${VERSION} @node-llama-cpp/${build()}@${VERSION}`;

const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`;

/** What the process may know of the environment: where programs and libraries are, and which graphics cards it may use. */
const ENV = ['PATH', 'HOME', 'LD_LIBRARY_PATH', 'CUDA_VISIBLE_DEVICES', 'GGML_VK_VISIBLE_DEVICES'];

interface Waiting {
  push(event: LlamaEvent): void;
}

/** The module of the optional package. Throws LLAMA_MISSING. Loads nothing. */
export function findLlama(folder: string): string {
  const url = findApart(folder, LLAMA_PACKAGE, 'dist/index.js');
  if (url === undefined) throw new AppError('LLAMA_MISSING', { command: installCommand(folder) });
  return url;
}

export class Llama {
  #child: ChildProcess | undefined;
  #closed = false;
  #nextId = 1;
  readonly #folder: string;
  readonly #waiting = new Map<number, Waiting>();

  /** `folder`: where the optional package was installed. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The events of one ask; the last is its answer. They wait for their reader: at most one answer of the model. `name` is the
   * model in errors. Throws LLAMA_MISSING, CONTEXT_TOO_LONG, PROVIDER_REFUSED, PROVIDER_UNAVAILABLE, or the signal's reason at once.
   */
  async *ask(name: string, file: LlamaFile, ask: LlamaAsk, signal: AbortSignal): AsyncGenerator<LlamaEvent> {
    signal.throwIfAborted();
    const child = this.#running();
    const id = this.#nextId++;
    const events: LlamaEvent[] = [];
    let wake = () => {};
    const push = (event: LlamaEvent) => {
      events.push(event);
      wake();
    };
    const onAbort = () => wake();
    this.#waiting.set(id, { push });
    signal.addEventListener('abort', onAbort);
    child.channel?.ref();
    send(child, { id, file, ask });
    let ended = false;
    try {
      for (;;) {
        signal.throwIfAborted();
        const event = events.shift();
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        ended = event.kind !== 'text' && event.kind !== 'call';
        if (event.kind === 'problem') throw errorOf(event, name);
        yield event;
        if (ended) return;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) child.channel?.unref();
      if (!ended) send(child, { id, abort: true });
    }
  }

  /** Of its process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** As `ask`, for asks that one event answers. */
  async one<K extends LlamaEvent['kind']>(
    kind: K,
    name: string,
    file: LlamaFile,
    ask: LlamaAsk,
    signal: AbortSignal,
  ): Promise<LlamaEvent & { kind: K }> {
    for await (const event of this.ask(name, file, ask, signal)) {
      if (event.kind === kind) return event as LlamaEvent & { kind: K };
    }
    throw new AppError('PROVIDER_UNAVAILABLE', { provider: name, problem: 'it gave no answer' });
  }

  /** Ends the process; what waits ends with PROVIDER_UNAVAILABLE. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  #running(): ChildProcess {
    if (this.#closed) throw new AppError('WORKER_DRAINING');
    if (this.#child?.connected) return this.#child;
    const env = Object.fromEntries(
      ENV.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]])),
    );
    const child = fork(fileURLToPath(besideEntry(import.meta.url, 'llama-child')), [findLlama(this.#folder)], {
      env,
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('message', ({ id, event }: FromLlama) => this.#waiting.get(id)?.push(event));
    const gone = (detail: string) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      for (const waiting of this.#waiting.values()) waiting.push({ kind: 'problem', problem: 'failed', detail });
    };
    child.on('error', () => gone('its process ended'));
    child.on('exit', () => gone('its process ended'));
    // An idle process keeps no worker alive.
    child.unref();
    child.channel?.unref();
    this.#child = child;
    return child;
  }
}

function send(child: ChildProcess, message: ToLlama): void {
  // One that is gone has told those who wait; its `exit` is what counts.
  if (child.connected) child.send(message, () => {});
}

function errorOf({ problem, detail }: LlamaEvent & { kind: 'problem' }, name: string): AppError {
  // The detail may hold a path: it goes to the log with the cause, not over the wire.
  const options = { cause: new Error(detail) };
  const away = (text: string) => new AppError('PROVIDER_UNAVAILABLE', { provider: name, problem: text }, options);
  switch (problem) {
    case 'library':
      return new AppError(
        'PROVIDER_REFUSED',
        { provider: name, problem: `${LLAMA_PACKAGE} does not load here; it needs a build for this machine` },
        options,
      );
    case 'file':
      return new AppError('PROVIDER_REFUSED', { provider: name, problem: 'its file cannot be loaded' }, options);
    case 'too-long':
      return new AppError('CONTEXT_TOO_LONG', { model: name }, options);
    case 'schema':
      return new AppError(
        'PROVIDER_REFUSED',
        { provider: name, problem: 'no grammar can be made of this schema' },
        options,
      );
    case 'aborted':
      return away('it was stopped');
    case 'failed':
      return away(detail === 'its process ended' ? detail : 'it failed');
  }
}
