// The verbs that run a program of ours or touch its settings, each with how to load it. The others are in verbs.ts.
import type { CliIo } from '../cli/io.ts';
import type { RecoverControl, StartControl } from '../control/commands.ts';
import type { ControlProgramIo } from './control.ts';
import type { LoadVerb } from './verbs.ts';

export const PROGRAM_VERBS: Readonly<Record<string, LoadVerb>> = {
  up: async () => {
    const { upVerb } = await import('./up.ts');
    return (program, io) => program.addCommand(upVerb({ ...programIo(io), cwd: io.cwd }));
  },
  // It reads its command line and ends the process itself, so that its own program stays small.
  edge: async () => {
    await import('./edge.ts');
    return await new Promise<never>(() => {});
  },
  control: async () => {
    const { controlVerb, recoverVerb } = await import('../control/commands.ts');
    const { runControl } = await import('./control.ts');
    const { runRecover } = await import('./recover.ts');
    const { workerSettingNames } = await import('../worker/program/settings.ts');
    const edge = await import('../edge/config/edge-settings.ts');
    const beside = { names: [...workerSettingNames(), ...edge.edgeSettingNames()] };
    return (program, io) => {
      const start: StartControl = (home, config) => runControl(home, config, programIo(io));
      const recover: RecoverControl = (home, config, force) => runRecover(home, config, force, programIo(io));
      const control = controlVerb(io.env, start, programIo(io).out, beside);
      program.addCommand(control.addCommand(recoverVerb(io.env, recover, beside)));
    };
  },
  worker: async () => {
    const { registerWorkerCommand } = await import('../worker/program/commands.ts');
    const { controlSettingNames } = await import('../control/settings.ts');
    const edge = await import('../edge/config/edge-settings.ts');
    const names = [...controlSettingNames(), ...edge.edgeSettingNames()];
    return (program, io) => registerWorkerCommand(program, io, { names });
  },
  models: async () => (await import('../worker/program/commands.ts')).registerModelsCommand,
};

/** What long-running programs print with. */
function programIo(io: CliIo): ControlProgramIo {
  return {
    env: io.env,
    out: (line) => void io.stdout.write(`${line}\n`),
    progress: (line) => void io.stderr.write(`${line}\n`),
  };
}
