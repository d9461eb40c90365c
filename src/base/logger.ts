// The logger port. Programs log JSON lines; nothing of a file's content and no secret is ever passed in.
import pino from 'pino';
import { withSourceLines } from './source-lines.ts';
import { traceOf } from './telemetry/span-data.ts';

export type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  /** `error` may be anything that was thrown; its stack is logged, never sent. */
  error(message: string, error?: unknown, fields?: Fields): void;
  child(fields: Fields): Logger;
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

/** Where log lines go: a rotating file or stderr. */
export interface LogSink {
  write(line: string): void;
}

/** A logger that writes one JSON line per entry to the sink. Levels: debug, info, warn, error. */
export function createLogger(program: string, sink: LogSink, level = 'info'): Logger {
  const base = { program, pid: process.pid };
  return wrap(pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err } }, sink));
}

function err(error: Error): object {
  const told = pino.stdSerializers.err(error);
  return typeof told?.stack === 'string' ? { ...told, stack: withSourceLines(told.stack) } : told;
}

function wrap(log: pino.Logger): Logger {
  return {
    debug: (message, fields) => log.debug(withTrace(fields ?? {}), message),
    info: (message, fields) => log.info(withTrace(fields ?? {}), message),
    warn: (message, fields) => log.warn(withTrace(fields ?? {}), message),
    error: (message, error, fields) =>
      log.error({ ...withTrace(fields ?? {}), ...(error !== undefined && { err: error }) }, message),
    child: (fields) => wrap(log.child(withTrace(fields))),
  };
}

/** What is about a run or one of its jobs says which trace it is in, and what is about a job which run. */
function withTrace(fields: Fields): Fields {
  const { job, run = typeof job === 'string' ? job.split('/', 1)[0] : undefined } = fields;
  return typeof run === 'string' && run !== '' ? { ...fields, run, trace: traceOf(run) } : fields;
}
