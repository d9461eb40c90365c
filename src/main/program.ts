// The log file of a long-running program.
import { join } from 'node:path';
import { homePaths } from '../base/home.ts';
import { logFile } from '../base/log-file.ts';
import { createLogger, type Logger } from '../base/logger.ts';

/** The log of a program: `<home>/logs/<program>.log`. */
export function programLog(home: string, program: string, level: string): Logger {
  return createLogger(program, logFile(join(homePaths(home).logs, `${program}.log`)), level);
}
