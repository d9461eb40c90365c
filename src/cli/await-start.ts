// Waits for what starts: a question that is typed while `bowline up` starts is asked as soon as the edge of this home answers.
import { setTimeout as delay } from 'node:timers/promises';
import { isStarting } from '../base/is-starting.ts';
import { dialHomeSocket } from '../contract/channel/home-socket.ts';
import { type GlobalOptions, homeOf } from './client.ts';
import type { CliIo } from './io.ts';
import { liveLine } from './live-line.ts';
import { Printer } from './output.ts';

/** As long as `up` waits for its parts. */
const PATIENCE_MS = 120_000;
const EVERY_MS = 50;
const WORDS = 'Bowline is starting; waiting for it';

/** Returns at once where nothing starts. @param wait most time that this command may wait */
export async function awaitStart(io: CliIo, options: GlobalOptions, wait: number | false | undefined): Promise<void> {
  const paths = homeOf(io, options);
  const end = performance.now() + (wait || PATIENCE_MS);
  const goesOn = async () => isStarting(paths) && performance.now() < end && !(await answers(paths.socket));
  if (!(await goesOn())) return;
  const live = liveLine(io);
  if (live) live.show(WORDS);
  else new Printer(io.stderr, io.env).line(WORDS, 'yellow');
  while (await goesOn()) await delay(EVERY_MS);
  live?.hide();
}

const answers = (socket: string): Promise<boolean> =>
  dialHomeSocket(socket).then(
    (connected) => Boolean(connected.destroy()),
    () => false,
  );
