// One run of a program of ours as a child: started, given its input, heard to its end. It ends when its standard input does, so
// it never outlives this process.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../base/clock.ts';
import type { AppError } from '../base/errors.ts';
import { lineSplitter } from '../base/line-splitter.ts';
import { toAppError } from '../contract/errors.ts';
import { endText, errorOf, lastWords } from './child-end.ts';

export interface ChildCommand {
  readonly args: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Lines for its standard input, each written once it is known. Where one cannot be known the run ends, for the reason of that. */
  readonly input: readonly (string | Promise<string>)[];
}

/** How a run ended. */
export interface ChildEnd {
  readonly why: string;
  /** Exit code; undefined when there was none. */
  readonly code: number | undefined;
  /** What it told itself. */
  readonly error: AppError | undefined;
}

export interface ChildEvents {
  /** It said that it is ready, with what stands behind the word. */
  ready(said: string): void;
  /** Any other line on its standard output. */
  line(line: string): void;
  ended(end: ChildEnd): void;
}

/** How long its streams may stay open behind it. */
const STREAMS_MS = 500;
const MAX_LINE = 64 << 10;

export function runOnce({ args, env, input }: ChildCommand, clock: Clock, events: ChildEvents): ChildProcess {
  // A session of its own: what a terminal sends to all goes to `up`, which ends its children in order.
  const child = spawn(process.execPath, [...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...env },
    detached: true,
  });
  child.stdin.on('error', () => undefined);
  let unknown: AppError | undefined;
  feed(child, input).catch((error: unknown) => {
    unknown = toAppError(error);
    child.kill('SIGKILL');
  });
  const receive = lineSplitter(MAX_LINE, (line) => {
    if (line.startsWith('ready ')) events.ready(line.slice('ready '.length));
    else events.line(line);
  });
  child.stdout.setEncoding('utf8').on('data', receive);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = lastWords(said + text);
  });
  child.once('error', ({ message }) => events.ended({ why: message, code: undefined, error: undefined }));
  child.once('exit', (code, signal) => {
    // Once its streams were read: what it said last counts. A child of its own may hold them open.
    let told = false;
    const tell = () => {
      if (told) return;
      told = true;
      events.ended({
        why: unknown?.message ?? endText(code, signal, said),
        code: code ?? undefined,
        error: unknown ?? errorOf(said),
      });
    };
    child.once('close', tell);
    clock.after(STREAMS_MS, tell);
  });
  return child;
}

async function feed(child: ChildProcess, input: ChildCommand['input']): Promise<void> {
  for (const line of input) {
    const text = await line;
    if (!child.stdin?.writable) return;
    child.stdin.write(`${text}\n`);
  }
}
