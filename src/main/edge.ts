// The entry point of the edge's program: command line, signals, exit codes. start-edge.ts composes.
import { join } from 'node:path';
import { asCalled } from '../base/called-as.ts';
import { systemClock } from '../base/clock.ts';
import { controlUrl } from '../base/control-address.ts';
import { endNow, endProcess, endWithin } from '../base/end-process.ts';
import { AppError, type Reason } from '../base/errors.ts';
import { homePaths } from '../base/home.ts';
import { inertLine } from '../base/inert.ts';
import { logFile } from '../base/log-file.ts';
import { createLogger, type Logger } from '../base/logger.ts';
import { mark } from '../base/loop-watch.ts';
import { makeFolder } from '../base/make-folder.ts';
import { shownSettings } from '../base/settings/show-settings.ts';
import { EXIT } from '../base/status-codes.ts';
import { watchStrayErrors } from '../base/stray-errors.ts';
import { toAppError } from '../contract/errors.ts';
import { edgeSettings } from '../edge/config/edge-config.ts';
import { type JoinLine, parseJoinLine, readJoinLine } from '../edge/identity/join.ts';
import { type EdgeOptions, edgeHelp, parseEdgeArgs, REFUSED, TOLD } from '../edge/program/commands.ts';
import { MaskedLog } from '../edge/secrets/masked-log.ts';
import type { SecretBook } from '../edge/secrets/secret-book.ts';
import { isRefusal } from '../edge/session/edge-session.ts';
import { spareMemory } from './edge-engine.ts';
import { type RunningEdge, startEdge } from './start-edge.ts';

/** From the first signal to the end of the process; for what was printed, and when stopping itself hangs. */
const STOP_MS = 10_000;
const SPARE_MS = 1_000;
/** From ready until what the start left is collected: by then it has connected. */
const COLLECT_MS = 1_000;

/** Refusals of an identity that no wait makes valid again. */
const DEAD: ReadonlySet<string> = new Set<Reason>(['DEVICE_REMOVED', 'DEVICE_UNKNOWN']);

interface Told {
  readonly line: JoinLine | undefined;
  readonly control: string | undefined;
}

/** The home that was tried, once it is known. */
let tried = '';
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
void main();

async function main(): Promise<void> {
  let code: number = EXIT.answered;
  try {
    const options = parseEdgeArgs(process.argv.slice(2), process.env);
    if (options === 'help') process.stdout.write(asCalled(edgeHelp(), process.env));
    else if (options.print) {
      const settled = edgeSettings(homePaths(options.home).config, options.settings);
      for (const line of shownSettings(settled, options.print === 'json')) process.stdout.write(`${line}\n`);
    } else {
      tried = options.home;
      code = await run(options);
    }
  } catch (error) {
    code = report(error);
  }
  await endProcess(code, SPARE_MS);
}

async function run(options: EdgeOptions): Promise<number> {
  const told = await toldWhere(options);
  const stop = stopAsked(options);
  const sink = openSink(options);
  const log = createLogger('edge', sink, options.logLevel);
  watchStrayErrors(log);
  try {
    const say = (text: string) => {
      if (options.withParent) process.stdout.write(`${TOLD}${inertLine(text)}\n`);
      else process.stderr.write(`${asCalled(inertLine(text), process.env)}\n`);
    };
    const onRefused = (error: AppError) => {
      if (options.withParent) process.stdout.write(`${REFUSED}${inertLine(error.message)}\n`);
      else if (!DEAD.has(error.reason)) say(`refused by the control plane: ${error.message}`);
    };
    const onSecrets = (secrets: Pick<SecretBook, 'masker'>) => sink.use(secrets);
    const all = { ...options, ...told, clock: systemClock, log, onFatal: die, onRefused, onSecrets, say };
    const edge = await startEdge(all);
    const { device, home, socket } = edge;
    const { connection, problem } = await edge.first();
    if (problem && DEAD.has(problem.reason) && !options.withParent) {
      await edge.stop(STOP_MS);
      throw problem;
    }
    const connected = connection === 'connected';
    if (!connected && !options.withParent && !(problem && isRefusal(problem)))
      say(`offline: waiting for the control plane${problem ? `: ${problem.message}` : ''}`);
    process.stdout.write(
      `ready ${JSON.stringify({ device, home, socket, connection: connected ? 'connected' : 'offline' })}\n`,
    );
    setTimeout(collectStart, COLLECT_MS).unref();
    // Timers of the clock do not keep a process alive; this does, until a signal.
    const alive = setInterval(() => {}, 0x7fffffff);
    const why = await stop;
    clearInterval(alive);
    return await end(edge, why, log);
  } catch (error) {
    log.error('the edge could not start', error);
    throw error;
  }
}

/** What standard input says first, if it is asked: a join line, or where to dial. */
async function toldWhere({ join, wait, control }: EdgeOptions): Promise<Told> {
  if (!join && !wait) return { line: undefined, control };
  const text = (await readJoinLine(process.stdin, process.stderr)).trim();
  if (wait && !join && /^https?:\S*$/.test(text)) return { line: undefined, control: controlUrl(text) };
  const line = parseJoinLine(text);
  return { line, control: wait ? line.url : control };
}

/** Resolves with why the edge is to stop: a signal, or the end of its parent. */
function stopAsked({ withParent }: EdgeOptions): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
    const gone = () => resolve('standard input ended');
    if (withParent) process.stdin.once('end', gone).once('close', gone).once('error', gone).resume();
    else process.stdin.destroy();
  });
}

/** Ends the edge in order, and the process when that hangs or a second signal comes. Returns the exit code. */
async function end(edge: RunningEdge, why: string, log: Logger): Promise<number> {
  for (const again of ['SIGTERM', 'SIGINT'] as const) process.once(again, () => endNow(EXIT.failed));
  endWithin(STOP_MS + SPARE_MS, EXIT.failed);
  log.info('stopping', { why });
  const clean = await edge.stop(STOP_MS);
  log.info('stopped', { clean });
  return clean ? EXIT.answered : EXIT.failed;
}

/** V8 would keep it until its next full collection, which on an idle box does not come. One pause, before there is much to do. */
function collectStart(): void {
  mark('collecting what the start left');
  spareMemory();
}

function openSink({ home }: EdgeOptions): MaskedLog {
  try {
    makeFolder(home);
    return new MaskedLog(logFile(join(homePaths(home).logs, 'edge.log')));
  } catch (cause) {
    const problem = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new AppError('HOME_UNUSABLE', { home, problem }, { cause });
  }
}

/** A failed sync: memory and disk may differ, so nothing more may be promised. */
function die(error: AppError): void {
  endNow(report(error));
}

function report(error: unknown): number {
  const known = toAppError(error);
  process.stderr.write(`error: ${asCalled(inertLine(known.message), process.env)} (${inertLine(known.reason)})\n`);
  if (known.reason !== 'USAGE' && tried !== '' && !known.message.includes(tried))
    process.stderr.write(`  home: ${tried}\n`);
  return known.exit;
}
