// DBOS as its users run it: a library in the process that calls it, on the same Postgres. Steps do nothing.
import { DBOS } from '@dbos-inc/dbos-sdk';
import { serveAgent } from '../harness/agent.ts';
import { type LatencyArgs, latencies, type RateArgs, rate } from '../harness/load.ts';

interface Steps {
  readonly steps: number;
}

const run = DBOS.registerWorkflow(
  async (steps: number) => {
    for (let i = 0; i < steps; i++) await DBOS.runStep(async () => 'done', { name: `step ${i}` });
    return 'done';
  },
  { name: 'run' },
);

serveAgent({
  connect: async ({ url }: { url: string }) => {
    DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, logLevel: 'error', runAdminServer: false });
    await DBOS.launch();
  },
  latency: ({ steps, ...args }: LatencyArgs & Steps) => latencies(() => run(steps), args),
  rate: ({ steps, ...args }: RateArgs & Steps) => rate(() => run(steps), args),
});
