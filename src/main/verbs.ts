// The verbs by name, each with how to load it. A verb's modules are loaded only when it is used, so that `ask` starts fast.
import type { Command } from 'commander';
import type { CliIo } from '../cli/io.ts';

export type Register = (program: Command, io: CliIo) => void;

/** Loads the module of a verb and gives what registers it. */
export type LoadVerb = () => Promise<Register>;

export interface Verb {
  readonly name: string;
  readonly summary: string;
  /** Absent for the verbs that run a program or touch one's settings: control-verbs.ts and worker-verbs.ts load those. */
  readonly load?: LoadVerb;
}

const cli =
  (load: () => Promise<(io: CliIo) => Command>): LoadVerb =>
  async () => {
    const make = await load();
    return (program, io) => program.addCommand(make(io));
  };

/** In the order of the help. */
export const VERBS: readonly Verb[] = [
  {
    name: 'init',
    summary: 'find notes and models, and write the first configuration',
  },
  {
    name: 'up',
    summary: 'run everything on this machine',
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
    name: 'approvals',
    summary: 'list what waits for your yes, look at it, allow or deny it',
    load: cli(async () => (await import('../cli/verbs/approvals.ts')).approvalsVerb),
  },
  {
    name: 'grants',
    summary: 'list what you allowed beyond one answer, end it, ask why a call ran',
    load: cli(async () => (await import('../cli/verbs/grants.ts')).grantsVerb),
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
    load: async () => {
      const { egressVerb } = await import('../cli/verbs/egress.ts');
      const { ledgerOffline } = await import('./ledger-offline.ts');
      return (program, io) => program.addCommand(egressVerb(io, ledgerOffline));
    },
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
    name: 'owners',
    summary: 'pair other machines that may answer approvals of this box',
    load: cli(async () => (await import('../cli/verbs/owners.ts')).ownersVerb),
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
    name: 'jobs',
    summary: 'list, show, retry and drop dead jobs',
    load: cli(async () => (await import('../cli/verbs/jobs.ts')).jobsVerb),
  },
  {
    name: 'budgets',
    summary: 'bound what models may cost',
    load: cli(async () => (await import('../cli/verbs/budgets.ts')).budgetsVerb),
  },
  {
    name: 'routes',
    summary: 'show the tiers of models, and try where a question would go',
    load: cli(async () => (await import('../cli/verbs/routes.ts')).routesVerb),
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
  },
  {
    name: 'control',
    summary: 'run the control plane on its own',
  },
  {
    name: 'worker',
    summary: 'serve models to a control plane',
  },
  {
    name: 'models',
    summary: 'choose the models that a worker offers',
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
    name: 'secrets',
    summary: 'keep secrets for the commands of this box, and list what uses them',
    load: cli(async () => (await import('../cli/verbs/secrets.ts')).secretsVerb),
  },
  {
    name: 'undo',
    summary: 'take back what a run changed in files of this box',
    load: cli(async () => (await import('../cli/verbs/undo.ts')).undoVerb),
  },
  {
    name: 'status',
    summary: 'show how the edge and the control plane are',
    load: cli(async () => (await import('../cli/verbs/status.ts')).statusVerb),
  },
  {
    name: 'watch',
    summary: 'watch all of it on the whole screen, and what leaves this box',
    load: async () => {
      const { watchVerb } = await import('../cli/verbs/watch.ts');
      const { processTerminal } = await import('./process-terminal.ts');
      return (program, io) => program.addCommand(watchVerb(io, processTerminal()));
    },
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
  {
    name: 'doctor',
    summary: 'look for what keeps Bowline from working here, and tell what to do',
  },
  {
    name: 'version',
    summary: 'tell what exactly runs here',
    load: cli(async () => (await import('../cli/verbs/version.ts')).versionVerb),
  },
  {
    name: 'completion',
    summary: 'print the script with which a shell completes the words of this program',
    load: cli(async () => (await import('../cli/verbs/completion.ts')).completionVerb),
  },
];
