// Gives the terminal back as it was found when a signal or an error ends the process while keys are read one by one: Node does that at its
// own end only, and knows nothing of a hidden cursor. Who listens to a signal itself ends by itself.
import { giveTerminalBack } from '../base/end-process.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** For the process, once, at its start. */
export function guardTerminal(): void {
  if (process.stdin.isTTY !== true) return;
  process.on('exit', giveTerminalBack);
  for (const signal of SIGNALS) {
    const listener = () => {
      if (process.listenerCount(signal) > 1) return;
      giveTerminalBack();
      process.off(signal, listener);
      // As the signal would have ended it.
      process.kill(process.pid, signal);
    };
    process.on(signal, listener);
  }
}
