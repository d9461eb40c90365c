// The log of a long-running program.
import { join } from 'node:path';
import { homePaths } from '../base/home.ts';
import { logSink } from '../base/log-file.ts';
import { createLogger, type Logger } from '../base/logger.ts';

/** The log of a program: `<home>/logs/<program>.log`, or the standard error. */
export function programLog(home: string, program: string, level: string, to: 'file' | 'stderr' = 'file'): Logger {
  return createLogger(program, logSink(join(homePaths(home).logs, `${program}.log`), to), level);
}
