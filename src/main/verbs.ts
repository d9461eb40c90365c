// The verbs by name, each with how to load it. A verb's modules are loaded only when it is used, so that `ask` starts fast.
import type { Command } from 'commander';
import type { CliIo } from '../cli/io.ts';
import type { RecoverControl, StartControl } from '../control/commands.ts';
import type { ControlProgramIo } from './control.ts';

export type Register = (program: Command, io: CliIo) => void;

export interface Verb {
  readonly name: string;
  readonly summary: string;
  /** Loads the module and gives what registers the verb. */
  readonly load: () => Promise<Register>;
}

const cli =
  (load: () => Promise<(io: CliIo) => Command>): Verb['load'] =>
  async () => {
    const make = await load();
    return (program, io) => program.addCommand(make(io));
  };

/** In the order of the help. `edge` reads its command line itself, so that its own program stays small. */
export const VERBS: readonly Verb[] = [
  {
    name: 'up',
    summary: 'run everything on this machine',
    load: async () => {
      const { upVerb } = await import('./up.ts');
      return (program, io) => program.addCommand(upVerb({ ...programIo(io), cwd: io.cwd }));
    },
  },
  {
    name: 'ask',
    summary: 'ask a question about the files of this machine',
    load: cli(async () => (await import('../cli/verbs/ask.ts')).askVerb),
  },
  {
    name: 'chat',
    summary: 'talk about them, ask by ask',
    load: cli(async () => (await import('../cli/verbs/chat.ts')).chatVerb),
  },
  {
    name: 'call',
    summary: 'call a capability method on a device or a worker',
    load: cli(async () => (await import('../cli/verbs/call.ts')).callVerb),
  },
  {
    name: 'docs',
    summary: 'add, list, search and remove documents that asks are answered from',
    load: cli(async () => (await import('../cli/verbs/docs.ts')).docsVerb),
  },
  {
    name: 'runs',
    summary: 'start, list, show, watch and cancel runs',
    load: cli(async () => (await import('../cli/verbs/runs.ts')).runsVerb),
  },
  {
    name: 'conversations',
    summary: 'list, show and delete conversations',
    load: cli(async () => (await import('../cli/verbs/conversations.ts')).conversationsVerb),
  },
  {
    name: 'queue',
    summary: 'list asks that wait for an answer',
    load: cli(async () => (await import('../cli/verbs/queue.ts')).queueVerb),
  },
  {
    name: 'egress',
    summary: 'list what left this box',
    load: cli(async () => (await import('../cli/verbs/egress.ts')).egressVerb),
  },
  {
    name: 'devices',
    summary: 'list devices, let another one join, suspend or remove one',
    load: cli(async () => (await import('../cli/verbs/devices.ts')).devicesVerb),
  },
  {
    name: 'workers',
    summary: 'list workers, or make a key for one',
    load: cli(async () => (await import('../cli/verbs/workers.ts')).workersVerb),
  },
  {
    name: 'keys',
    summary: 'list, make and revoke keys of owners and workers, and join tokens',
    load: cli(async () => (await import('../cli/verbs/keys.ts')).keysVerb),
  },
  {
    name: 'capabilities',
    summary: 'list what can be called, and who serves it now',
    load: cli(async () => (await import('../cli/verbs/capabilities.ts')).capabilitiesVerb),
  },
  {
    name: 'usage',
    summary: 'show what models used',
    load: cli(async () => (await import('../cli/verbs/usage.ts')).usageVerb),
  },
  {
    name: 'audit',
    summary: 'list who did what on the control plane',
    load: cli(async () => (await import('../cli/verbs/audit.ts')).auditVerb),
  },
  {
    name: 'plugins',
    summary: 'list, add and remove capabilities that workers of yours serve',
    load: cli(async () => (await import('../cli/verbs/plugins.ts')).pluginsVerb),
  },
  {
    name: 'edge',
    summary: 'run the edge: the small process that holds the files and commands of this machine',
    load: async () => {
      await import('./edge.ts');
      return () => {};
    },
  },
  {
    name: 'control',
    summary: 'run the control plane on its own',
    load: async () => {
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
  },
  {
    name: 'worker',
    summary: 'serve models to a control plane',
    load: async () => {
      const { registerWorkerCommand } = await import('../worker/program/commands.ts');
      const { controlSettingNames } = await import('../control/settings.ts');
      const edge = await import('../edge/config/edge-settings.ts');
      const names = [...controlSettingNames(), ...edge.edgeSettingNames()];
      return (program, io) => registerWorkerCommand(program, io, { names });
    },
  },
  {
    name: 'models',
    summary: 'choose the models that a worker offers',
    load: async () => (await import('../worker/program/commands.ts')).registerModelsCommand,
  },
  {
    name: 'journal',
    summary: "check the edge's journal",
    load: async () => {
      const { journalVerb } = await import('../cli/verbs/journal.ts');
      const { keptAside, verifyOffline } = await import('./verify-offline.ts');
      return (program, io) => program.addCommand(journalVerb(io, { offline: verifyOffline, keptAside }));
    },
  },
  {
    name: 'clock',
    summary: 'show what time the edge goes by, and set that right',
    load: cli(async () => (await import('../cli/verbs/clock.ts')).clockVerb),
  },
  {
    name: 'status',
    summary: 'show how the edge and the control plane are',
    load: cli(async () => (await import('../cli/verbs/status.ts')).statusVerb),
  },
  {
    name: 'health',
    summary: 'tell whether a control plane is ready, or a worker connected',
    load: cli(async () => (await import('../cli/verbs/health.ts')).healthVerb),
  },
  {
    name: 'logs',
    summary: 'show the logs of this home',
    load: cli(async () => (await import('../cli/verbs/logs.ts')).logsVerb),
  },
];

/** What long-running programs print with. */
function programIo(io: CliIo): ControlProgramIo {
  return {
    env: io.env,
    out: (line) => void io.stdout.write(`${line}\n`),
    progress: (line) => void io.stderr.write(`${line}\n`),
  };
}
