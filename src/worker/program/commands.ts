// The verbs of this room: `worker` and `models`. Flags and help; what they do is elsewhere.
import type { Command } from 'commander';
import type { Beside } from '../../base/settings/sources.ts';
import { modelsVerb } from './models-command.ts';
import { workerVerb } from './worker-command.ts';
import type { WorkerIo } from './worker-io.ts';

/** Registers `worker`. The program may have `--home` and `--control`; where it has not, the verb does. */
export function registerWorkerCommand(program: Command, io: WorkerIo = process, beside?: Beside): void {
  const worker = workerVerb(io, beside);
  if (!has(program, '--home'))
    worker.option('--home <folder>', 'home of Bowline; default: BOWLINE_HOME, else ~/.bowline');
  if (!has(program, '--control')) worker.option('--control <url>', 'control plane; default: BOWLINE_CONTROL');
  program.addCommand(worker);
}

/** Registers `models`; `--home` as with `worker`. */
export function registerModelsCommand(program: Command, io: WorkerIo = process): void {
  const models = modelsVerb(io);
  if (!has(program, '--home'))
    models.option('--home <folder>', 'home of Bowline; default: BOWLINE_HOME, else ~/.bowline');
  program.addCommand(models);
}

const has = (program: Command, flag: string): boolean => program.options.some((option) => option.long === flag);
