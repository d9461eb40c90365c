// What every long-running program here does: a log file, and a stop on SIGTERM or SIGINT within a deadline.
import { join } from 'node:path';
import { homePaths } from '../base/home.ts';
import { logFile } from '../base/log-file.ts';
import { createLogger, type Logger } from '../base/logger.ts';

/** The log of a program: `<home>/logs/<program>.log`, level from BOWLINE_LOG_LEVEL (default info). */
export function programLog(home: string, program: string, env: NodeJS.ProcessEnv): Logger {
  return createLogger(program, logFile(join(homePaths(home).logs, `${program}.log`)), env.BOWLINE_LOG_LEVEL || 'info');
}

/** Resolves with the name of the first signal that asks the program to stop. A second one ends it at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(name);
      });
    }
  });
}
