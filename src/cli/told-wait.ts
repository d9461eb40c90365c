// A wait that is told: on a terminal by a line that vanishes, elsewhere by one line for each new cause. Knows no server.
import type { OutStream } from '../base/out-stream.ts';
import type { CliIo } from './io.ts';
import { liveLine } from './live-line.ts';
import { Printer } from './output.ts';

/** After this long it is said what is waited for. */
export const QUIET_MS = 1_500;

/** Where waits are told, and by which environment. */
export type WaitIo = Pick<CliIo, 'env' | 'stderr' | 'waitsOn' | 'tellsProgress'>;

/** A stream on which nothing is told. */
export const UNTOLD: OutStream = { write: () => true };

export interface ToldWait {
  /** Something else is waited for now. */
  say(what: string): void;
  stop(): void;
}

/** Tells `what` after a moment, until it is stopped; nothing where that is empty. */
export function tellWait(io: WaitIo, what: string, quietMs = QUIET_MS): ToldWait {
  const stream = io.waitsOn ?? io.stderr;
  const live = liveLine({ stderr: stream, env: io.env });
  const plain = new Printer(stream, io.env);
  let now = what;
  let told = '';
  let isDue = false;
  const tell = () => {
    if (!isDue || now === told) return;
    told = now;
    if (now === '') return live?.hide();
    if (live) live.show(now);
    else plain.line(now, 'yellow');
  };
  const timer = setTimeout(() => {
    isDue = true;
    tell();
  }, quietMs);
  return {
    say: (next) => {
      now = next;
      tell();
    },
    stop: () => {
      clearTimeout(timer);
      live?.hide();
    },
  };
}

/** Tells `what` while `work` goes on. */
export async function telling<T>(io: WaitIo, what: string, work: () => Promise<T>, quietMs?: number): Promise<T> {
  const wait = tellWait(io, what, quietMs);
  try {
    return await work();
  } finally {
    wait.stop();
  }
}
