// Log lines as pino writes them, in a small part of its memory. The edge's bundle uses it in pino's place; what pino can do
// besides (transports, redaction, streams) is not here.
import { err as describeError } from 'pino-std-serializers';
import type { LogSink } from './logger.ts';

const LEVELS = { debug: 20, info: 30, warn: 40, error: 50 } as const;
type Level = keyof typeof LEVELS;
type Bindings = Readonly<Record<string, unknown>>;

export interface LogLinesOptions {
  readonly level: string;
  /** Stands in every line. */
  readonly base: Bindings;
}

export class LogLines {
  readonly #least: number;
  readonly #bindings: Bindings;
  readonly #sink: LogSink;

  constructor({ level, base }: LogLinesOptions, sink: LogSink) {
    this.#least = LEVELS[level as Level] ?? LEVELS.info;
    this.#bindings = base;
    this.#sink = sink;
  }

  debug(fields: Bindings, message: string): void {
    this.#write('debug', fields, message);
  }

  info(fields: Bindings, message: string): void {
    this.#write('info', fields, message);
  }

  warn(fields: Bindings, message: string): void {
    this.#write('warn', fields, message);
  }

  error(fields: Bindings, message: string): void {
    this.#write('error', fields, message);
  }

  child(bindings: Bindings): LogLines {
    const level = Object.entries(LEVELS).find(([, number]) => number === this.#least)?.[0] ?? 'info';
    return new LogLines({ level, base: { ...this.#bindings, ...bindings } }, this.#sink);
  }

  #write(level: Level, fields: Bindings, msg: string): void {
    if (LEVELS[level] < this.#least) return;
    const head = { level: LEVELS[level], time: new Date().toISOString(), ...this.#bindings };
    const shown = fields.err instanceof Error ? { ...fields, err: describeError(fields.err) } : fields;
    this.#sink.write(`${text({ ...head, ...shown, msg }) ?? text({ ...head, err: String(fields.err), msg })}\n`);
  }
}

/** Undefined for what JSON cannot say, as an error that holds itself. */
function text(line: object): string | undefined {
  try {
    return JSON.stringify(line);
  } catch {
    return undefined;
  }
}

/** With the call of pino that `createLogger` makes. */
const logLines = (options: LogLinesOptions, sink: LogSink): LogLines => new LogLines(options, sink);
logLines.stdTimeFunctions = { isoTime: undefined };
export default logLines;
