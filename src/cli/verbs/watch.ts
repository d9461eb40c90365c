// The verb `watch`: the box, the control plane, the workers and the runs on one screen, and what crosses the border of the box, to whom,
// in bytes. For programs one JSON object for each change.
import { Command } from 'commander';
import { AppError } from '../../base/errors.ts';
import { EXIT } from '../../base/status-codes.ts';
import { controlSide, type GlobalOptions, homeOf, localSide } from '../client.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { UNTOLD } from '../told-wait.ts';
import { changesOf, crossingChange } from '../watch/changes.ts';
import { type FeedOptions, Feeds } from '../watch/feeds.ts';
import { keysOf, press } from '../watch/keys.ts';
import { emptyModel, type WatchModel } from '../watch/model.ts';
import { render } from '../watch/render.ts';
import { Screen, type Terminal } from '../watch/screen.ts';
import { cancelRun } from './runs.ts';

export function watchVerb(io: CliIo, terminal: Terminal): Command {
  return new Command('watch')
    .description('Watch the box, the control plane, the workers, the runs and what leaves the box, on the whole screen')
    .option('--json', 'print one JSON object for each change instead')
    .addHelpText(
      'after',
      `
Keys: j and k (or the arrows) choose a run, Enter shows its jobs and what left for it, c cancels it, ? tells the keys, q quits.

Examples:
  $ bowline watch
  $ bowline watch --json`,
    )
    .action((_o, command: Command) => watch(io, terminal, command.optsWithGlobals()));
}

type WatchOptions = GlobalOptions & { json?: boolean };

async function watch(io: CliIo, terminal: Terminal, options: WatchOptions): Promise<void> {
  if (options.json) return await stream(io, options);
  if (!terminal.isTerminal) {
    throw new AppError('USAGE', {
      what: 'watch draws on a terminal, and this is none; for programs there is watch --json',
    });
  }
  await show(io, terminal, options);
}

/** The sources of the feeds, and an end to them. */
function sources(
  given: CliIo,
  options: GlobalOptions,
  end: AbortController,
): Pick<FeedOptions, 'edge' | 'control' | 'now' | 'signal'> {
  // A side that does not answer is shown as that.
  const io = { ...given, waitsOn: UNTOLD };
  return {
    edge: () => localSide(io, options),
    control: () => controlSide(io, options),
    now: () => Date.now(),
    signal: end.signal,
  };
}

async function stream(io: CliIo, options: GlobalOptions): Promise<void> {
  const end = new AbortController();
  const forget = io.onInterrupt(() => end.abort());
  const out = new Printer({ write: (text) => io.stdout.write(text) }, io.env);
  let model = emptyModel(homeOf(io, options).home, Date.now());
  const feeds = new Feeds({
    ...sources(io, options, end),
    change: (next) => {
      const before = model;
      model = next(model);
      for (const change of changesOf(before, model)) out.json(change);
    },
    crossed: (lines) => {
      for (const line of lines) out.json(crossingChange(line));
    },
  });
  await feeds.run();
  forget();
}

async function show(io: CliIo, terminal: Terminal, options: GlobalOptions): Promise<void> {
  const end = new AbortController();
  let model = emptyModel(homeOf(io, options).home, Date.now());
  const screen = new Screen(terminal, (columns, rows) => render(model, columns, rows));
  const change = (next: (model: WatchModel) => WatchModel): void => {
    model = next(model);
    screen.draw();
  };
  const feeds = new Feeds({ ...sources(io, options, end), change, crossed: () => undefined });
  const cancel = (run: string): void => {
    void cancelRun(io, options, run).then(
      ({ told }) => change((now) => ({ ...now, notice: told })),
      (error: unknown) => change((now) => ({ ...now, notice: error instanceof Error ? error.message : String(error) })),
    );
  };
  const keys = (text: string): void => {
    for (const key of keysOf(text)) {
      const pressed = press(model, key);
      model = pressed.model;
      if (pressed.wish?.is === 'quit') end.abort();
      if (pressed.wish?.is === 'cancel') cancel(pressed.wish.run);
      feeds.show(model.shown?.run);
    }
    screen.draw(true);
  };
  const ended = (code: number): void => {
    io.exit(code);
    end.abort();
  };
  io.exit(EXIT.answered);
  screen.open({ keys, ended });
  try {
    await feeds.run();
  } finally {
    screen.close();
  }
}
