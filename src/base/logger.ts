// The logger port. Programs log JSON lines; nothing of a file's content and no secret is ever passed in.
import pino from 'pino';

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
  return wrap(pino({ level, base: { program, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, sink));
}

function wrap(log: pino.Logger): Logger {
  return {
    debug: (message, fields) => log.debug(fields ?? {}, message),
    info: (message, fields) => log.info(fields ?? {}, message),
    warn: (message, fields) => log.warn(fields ?? {}, message),
    error: (message, error, fields) =>
      log.error(error === undefined ? { ...fields } : { ...fields, err: error }, message),
    child: (fields) => wrap(log.child(fields)),
  };
}
