// The program `bowline control`: the control plane on its own, on Postgres or embedded.
import { rmSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { homePaths } from '../base/home.ts';
import { writeControlInfo } from '../base/home-files.ts';
import { lockHome } from '../base/home-lock.ts';
import { noteWait } from '../base/is-starting.ts';
import { stopSignal } from '../base/stop-signal.ts';
import { watchStrayErrors } from '../base/stray-errors.ts';
import type { ControlConfig } from '../control/config.ts';
import { programLog } from './program.ts';
import { startControl } from './start-control.ts';
import { whenRoom } from './when-room.ts';

export interface ControlProgramIo {
  readonly env: NodeJS.ProcessEnv;
  readonly out: (line: string) => void;
  readonly progress: (line: string) => void;
}

/** Runs until a signal. Prints one line `ready {"control":...,"home":...}` when it listens. */
export async function runControl(home: string, config: ControlConfig, io: ControlProgramIo): Promise<void> {
  const stopping = stopSignal(config.drainMs);
  const lock = lockHome(home, 'control');
  const log = programLog(home, 'control', config.logLevel, config.logTo);
  watchStrayErrors(log);
  const aborter = new AbortController();
  void stopping.then(() => aborter.abort());
  try {
    const control = await startControl({
      home,
      config,
      clock: systemClock,
      log,
      progress: noted(home, io.progress),
      signal: aborter.signal,
    });
    await whenRoom(() => announce(home, control.url), { progress: io.progress, signal: aborter.signal });
    io.out(
      `ready ${JSON.stringify({ control: control.url, home, database: control.database, replica: control.replica })}`,
    );
    io.progress(`stopping: ${await stopping}`);
    await control.stop(config.drainMs);
  } finally {
    withdraw(home);
    lock.release();
  }
}

/** What a start says on its terminal is said to the other programs of the home, too. */
export const noted = (home: string, progress: (line: string) => void) => (line: string) => {
  noteWait(home, line);
  progress(line);
};

/** Tells the programs of this home where the control plane listens. */
export function announce(home: string, url: string): void {
  writeControlInfo(homePaths(home).controlInfo, url);
}

export function withdraw(home: string): void {
  rmSync(homePaths(home).controlInfo, { force: true });
}
