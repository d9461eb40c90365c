// The verbs that run a worker or choose what it offers, each with how to load it.
import type { LoadVerb } from './verbs.ts';

export const WORKER_VERBS: Readonly<Record<string, LoadVerb>> = {
  worker: async () => {
    const { registerWorkerCommand } = await import('../worker/program/commands.ts');
    const { controlSettingNames } = await import('../control/settings.ts');
    const edge = await import('../edge/config/edge-settings.ts');
    const names = [...controlSettingNames(), ...edge.edgeSettingNames()];
    return (program, io) => registerWorkerCommand(program, io, { names });
  },
  init: async () => {
    const { initVerb } = await import('./init/init-verb.ts');
    return (program, io) => program.addCommand(initVerb(io));
  },
  doctor: async () => {
    const { doctorVerb } = await import('./doctor/doctor-verb.ts');
    return (program, io) => program.addCommand(doctorVerb(io));
  },
  models: async () => (await import('../worker/program/commands.ts')).registerModelsCommand,
};
