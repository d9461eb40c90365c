// Runs a command of ours in a real terminal, as `script` of util-linux makes one, and gives what it drew.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { shellQuote } from '../../src/base/shell-quote.ts';

const MAIN = fileURLToPath(new URL('../../dist/client.cjs', import.meta.url));
const LIMIT_MS = 60_000;

export interface TerminalOptions {
  readonly cwd: string;
  readonly home: string;
  readonly columns: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Keys, each pressed once the text before it stands there. */
  readonly keys?: readonly { readonly after: string; readonly press: string }[];
}

/** All that was written, with its control sequences, and the exit code. */
export async function inTerminal(
  words: readonly string[],
  options: TerminalOptions,
): Promise<{ all: string; code: number }> {
  const { cwd, home, columns, env = {}, keys = [] } = options;
  const command = [process.execPath, MAIN, ...words].map(shellQuote).join(' ');
  const child = spawn('script', ['-qec', `stty cols ${columns} rows 24 -echo; exec ${command}`, '/dev/null'], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: home, BOWLINE_HOME: home, TERM: 'xterm-256color', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let all = '';
  const left = [...keys];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    all += text;
    for (let [next] = left; next && all.includes(next.after); [next] = left) {
      left.shift();
      child.stdin.write(next.press);
    }
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const code = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)));
  clearTimeout(timer);
  return { all: all.replaceAll('\r\n', '\n'), code };
}

/** What stays on the screen of one-line redraws: a line that was taken back is not there. */
export const screenOf = (all: string): string =>
  all
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it reads a terminal
    .replace(/[^\n]*\r\x1b\[2K/g, '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it reads a terminal
    .replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, '');

/** The codes of all colours and weights. */
export const coloursIn = (all: string): string[] =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it reads a terminal
  [...all.matchAll(/\x1b\[([\d;]*)m/g)].map(([, codes = '']) => codes);
