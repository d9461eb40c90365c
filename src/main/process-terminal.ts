// The terminal of this process: keys letter by letter, its size, and its restoration, which is written at once when the process ends.
import { writeSync } from 'node:fs';
import type { Terminal, TerminalListeners } from '../cli/watch/screen.ts';

const SIGNALS = { SIGTERM: 143, SIGHUP: 129, SIGINT: 130, SIGQUIT: 131 } as const;
/** Of a terminal that does not tell its size. */
const DEFAULT = { columns: 80, rows: 24 };

export function processTerminal({ stdin, stdout, env } = process): Terminal {
  let restore: (() => void) | undefined;
  return {
    isTerminal: stdin.isTTY === true && stdout.isTTY === true && env.TERM !== 'dumb',
    hasColour: !env.NO_COLOR,
    size: () => ({ columns: stdout.columns || DEFAULT.columns, rows: stdout.rows || DEFAULT.rows }),
    write: (text) => void stdout.write(text),
    open: (listeners, leave) => {
      const forget = listen(listeners, stdin, stdout);
      restore = once(() => {
        process.off('exit', atExit);
        forget();
        stdin.setRawMode(false);
        stdin.pause();
        // Not through the stream: nothing that waits in it may come after, and the process may be at its end.
        try {
          writeSync(stdout.fd, leave);
        } catch {
          // Whoever read it is gone.
        }
      });
      const atExit = restore;
      process.on('exit', atExit);
      stdin.setRawMode(true);
      stdin.setEncoding('utf8').resume();
    },
    close: () => restore?.(),
  };
}

function listen(
  { keys, resized, ended }: TerminalListeners,
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
): () => void {
  const gone = () => ended(SIGNALS.SIGHUP);
  const signals = Object.entries(SIGNALS).map(([name, code]) => [name, () => ended(code)] as const);
  stdin.on('data', keys).on('end', gone).on('error', gone);
  stdout.on('resize', resized);
  process.on('SIGCONT', resized);
  for (const [name, listener] of signals) process.on(name, listener);
  return () => {
    stdin.off('data', keys).off('end', gone).off('error', gone);
    stdout.off('resize', resized);
    process.off('SIGCONT', resized);
    for (const [name, listener] of signals) process.off(name, listener);
  };
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}
