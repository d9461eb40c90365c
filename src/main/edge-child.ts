// Runs the edge as a process of its own beside the embedded control plane, and starts it again when it dies. The edge ends
// when its standard input does, so it never outlives this process.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fullJitter } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { AppError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';

export interface EdgeChildOptions {
  readonly home: string;
  readonly control: string;
  readonly allow: readonly string[];
  readonly logFile: string;
  /** The line with which the edge joins; asked for at each start until it has joined. */
  readonly joinLine: () => Promise<string | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface EdgeChild {
  /** Resolves when the edge said that it is ready, with what it said; rejects when it gave up for good. */
  readonly ready: Promise<string>;
  stop(deadlineMs: number): Promise<void>;
}

/** Exit codes after which another try would end the same. */
const FINAL = new Set([2]);
const MAX_TRIES = 8;

export function startEdgeChild(options: EdgeChildOptions): EdgeChild {
  const { clock, log } = options;
  let child: ChildProcess | undefined;
  let stopping = false;
  let tries = 0;
  let settle: { resolve: (line: string) => void; reject: (error: unknown) => void };
  const ready = new Promise<string>((resolve, reject) => {
    settle = { resolve, reject };
  });
  ready.catch(() => undefined);
  const start = async () => {
    const joinLine = await options.joinLine();
    if (stopping) return;
    const { args, env } = edgeCommand();
    const words = [...args, '--home', options.home, '--control', options.control, '--with-parent'];
    for (const path of options.allow) words.push('--allow', path);
    if (joinLine !== undefined) words.push('--join');
    const started = clock.monotonic();
    child = spawn(process.execPath, words, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...edgeEnvironment(process.env), ...env },
    });
    child.stdin?.on('error', () => undefined);
    if (joinLine !== undefined) child.stdin?.write(`${joinLine}\n`);
    let last = '';
    lines(child, (line) => {
      if (!line.startsWith('ready ')) return;
      tries = 0;
      settle.resolve(line.slice(6));
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      last = /^error: (.*)$/m.exec(text)?.[1] ?? (text.trim().split('\n').at(-1) || last);
    });
    child.once('exit', (code, signal) => {
      if (stopping) return;
      log.warn('the edge ended', { code, signal, said: last });
      if (clock.monotonic() - started > 60_000) tries = 0;
      if (FINAL.has(code ?? 0) || ++tries >= MAX_TRIES) {
        settle.reject(
          new AppError('EDGE_FAILED', { why: last || `exit code ${code ?? signal}`, log: options.logFile }),
        );
        return;
      }
      clock.after(fullJitter(tries, 200, 5_000), () => void start().catch((error: unknown) => settle.reject(error)));
    });
  };
  void start().catch((error: unknown) => settle.reject(error));
  return {
    ready,
    stop: async (deadlineMs) => {
      stopping = true;
      const running = child;
      if (!running || running.exitCode !== null || running.signalCode !== null) return;
      const ended = new Promise<void>((resolve) => running.once('exit', () => resolve()));
      running.kill('SIGTERM');
      const kill = setTimeout(() => running.kill('SIGKILL'), deadlineMs);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** What the edge may know of this environment: no key of a model, no URL of a database, no secret of ours. */
const KEPT =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LC_.*|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|NO_COLOR|FORCE_COLOR)$/;

export const edgeEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => KEPT.test(name)));

/** The bundled edge with its V8 flags and environment where this runs from `dist/`, else the source. */
function edgeCommand(): { readonly args: string[]; readonly env: Record<string, string> } {
  const here = dirname(fileURLToPath(import.meta.url));
  const bundle = join(here, 'edge.mjs');
  if (!existsSync(bundle)) return { args: [join(here, 'edge.ts'), 'edge'], env: {} };
  const words = (file: string) => readFileSync(join(here, file), 'utf8').trim().split(/\s+/).filter(Boolean);
  const settings = words('edge.env').map((word) => word.split('=') as [string, string]);
  return { args: [...words('edge.flags'), bundle, 'edge'], env: Object.fromEntries(settings) };
}

function lines(child: ChildProcess, take: (line: string) => void): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = (parts.pop() ?? '').slice(-4096);
    for (const line of parts) take(line);
  });
}
