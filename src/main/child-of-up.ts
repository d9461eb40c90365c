// A program of ours as a child of `up`: started, ended with its parent, and started again with growing waits when it dies. What it
// runs, is told and says is its caller's matter.
import type { ChildProcess } from 'node:child_process';
import { fullJitter } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { AppError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { residentOf } from '../base/resident-of.ts';
import { toAppError } from '../contract/errors.ts';
import type { ChildView } from '../control/gateway/api/status-api.ts';
import { stands } from './child-end.ts';
import { type ChildCommand, type ChildEnd, runOnce } from './run-child.ts';

export interface ChildOptions {
  /** What it is called in the log and in `status`. */
  readonly name: string;
  /** What to start; asked at each start. */
  readonly command: () => Promise<ChildCommand>;
  /** Told of each start. */
  readonly onStart?: () => void;
  /** Told of each line on its standard output but the ready line. */
  readonly onLine?: (line: string) => void;
  /** Why nothing more is tried before it was ready once; `error` is what it told itself. */
  readonly failed: (why: string, error: AppError | undefined) => AppError;
  /** Told in words that it ended and is started again; the same end in a row once. */
  readonly say: (line: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ChildOfUp {
  /** Resolves when it said that it is ready, with what it said; rejects when it could not start at all. */
  readonly ready: Promise<string>;
  figures(): ChildView;
  stop(deadlineMs: number): Promise<void>;
}

/** Exit codes after which another try would end the same: usage and configuration. */
const FINAL = new Set([2]);
/** Starts in a row that may fail before it was ready once; afterwards it is tried for ever. */
const MAX_TRIES = 8;
const BACKOFF_MS = { base: 200, cap: 5_000 };
/** Between the starts of one whose owner must do something first. */
const STANDS_MS = 60_000;
/** What ran so long was well: the next waits begin short again. */
const WELL_MS = 60_000;

export function startChild(options: ChildOptions): ChildOfUp {
  const { name, clock, log } = options;
  let child: ChildProcess | undefined;
  let stopping = false;
  let running = false;
  let wasReady = false;
  let tries = 0;
  let ends = 0;
  let lastEnd: ChildView['lastEnd'];
  let lastSaid = '';
  let settle: { resolve: (line: string) => void; reject: (error: unknown) => void };
  const ready = new Promise<string>((resolve, reject) => {
    settle = { resolve, reject };
  });
  ready.catch(() => undefined);

  const start = async () => {
    const command = await options.command();
    if (stopping) return;
    const started = clock.monotonic();
    child = runOnce(command, clock, {
      ready: (said) => {
        running = true;
        wasReady = true;
        lastSaid = '';
        settle.resolve(said);
      },
      line: (line) => options.onLine?.(line),
      ended: (end) => ended(end, started),
    });
    options.onStart?.();
  };

  const ended = ({ why, code, error }: ChildEnd, started: number) => {
    running = false;
    if (stopping || child === undefined) return;
    child = undefined;
    ends += 1;
    lastEnd = { at: clock.now(), why };
    log.warn(`the ${name} ended; it is started again`, { code, why, ends });
    tries = clock.monotonic() - started > WELL_MS ? 1 : tries + 1;
    const problem = options.failed(why, error);
    const final = FINAL.has(code ?? 0) || stands(problem);
    if (!wasReady && (final || tries >= MAX_TRIES)) return settle.reject(problem);
    const next = final ? 'is tried again every minute' : 'is started again';
    say(`the ${name} ended and ${next}: ${error?.message ?? why}`);
    if (final) void clock.after(STANDS_MS, begin);
    else again();
  };
  const say = (line: string) => {
    if (line !== lastSaid) options.say(line);
    lastSaid = line;
  };
  const again = () => void clock.after(fullJitter(tries, BACKOFF_MS.base, BACKOFF_MS.cap), begin);
  const begin = () => {
    start().catch((error: unknown) => {
      if (!wasReady) return settle.reject(error);
      log.error(`the ${name} could not be started`, error);
      say(`the ${name} could not be started, and is tried again: ${toAppError(error).message}`);
      tries += 1;
      if (!stopping) again();
    });
  };
  begin();
  return {
    ready,
    figures: () => ({
      name,
      running,
      ends,
      residentBytes: child?.pid === undefined ? 0 : residentOf(child.pid),
      ...(lastEnd === undefined ? {} : { lastEnd }),
    }),
    stop: async (deadlineMs) => {
      stopping = true;
      const mine = child;
      if (!mine || mine.exitCode !== null || mine.signalCode !== null) return;
      const gone = new Promise<void>((resolve) => mine.once('exit', () => resolve()));
      mine.kill('SIGTERM');
      const kill = setTimeout(() => mine.kill('SIGKILL'), deadlineMs);
      await gone;
      clearTimeout(kill);
    },
  };
}
