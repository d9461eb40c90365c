// A breath: everything else that waits for the event loop goes first. Long work takes one between its pieces; a promise that is
// already kept is none, since its followers run before anything else.
import { setImmediate } from 'node:timers/promises';

export const breath = (): Promise<void> => setImmediate();
