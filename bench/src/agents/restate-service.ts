// Restate's service: as many durable steps as the caller says, none of which does anything.
import { endpoint, service } from '@restatedev/restate-sdk';
import { serveAgent } from '../harness/agent.ts';

const bench = service({
  name: 'bench',
  handlers: {
    run: async (context, { steps }: { steps: number }) => {
      for (let i = 0; i < steps; i++) await context.run(`step ${i}`, async () => 'done');
      return 'done';
    },
  },
});

serveAgent({ listen: ({ port }: { port: number }) => endpoint().bind(bench).listen(port) });
