// The verbs that run the control plane, alone or with worker and edge beside it, each with how to load it.
import type { RecoverControl, StartControl } from '../control/commands.ts';
import { programIo } from './program-io.ts';
import type { LoadVerb } from './verbs.ts';

export const CONTROL_VERBS: Readonly<Record<string, LoadVerb>> = {
  up: async () => {
    const { upVerb } = await import('./up.ts');
    return (program, io) => program.addCommand(upVerb({ ...programIo(io), cwd: io.cwd }));
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
};
