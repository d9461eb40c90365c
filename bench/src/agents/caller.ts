// A client of the public API that asks what never ends (agents/slow-worker.ts), sees the text of it come, and cancels it.
import { type Client, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { RunService } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { serveAgent } from '../harness/agent.ts';
import { sharedNow } from '../harness/load.ts';

let runs: Client<typeof RunService>;

/** One run, from its ask to its end; told of each piece of its text. */
async function ask(onText: (run: string, text: string) => void): Promise<void> {
  let id = '';
  for await (const { event } of runs.ask({ text: 'go on' })) {
    if (event.case === 'run') id = event.value.id;
    else if (event.case === 'text') onText(id, event.value.text);
  }
}

/** What waits for the first moment that was said after another one. */
let after: { readonly moment: number; readonly came: (at: number) => void } | undefined;

function look(text: string): void {
  // A piece may begin in the middle of a moment.
  const said = text.trim().split(' ').at(-1);
  if (!after || !said || Number(said) <= after.moment) return;
  after.came(sharedNow());
  after = undefined;
}

let current: { readonly id: string; readonly ended: Promise<void> } | undefined;

serveAgent({
  connect: ({ url, ownerKey }: { url: string; ownerKey: string }) => {
    const authorize: Interceptor = (next) => (request) => {
      request.header.set('authorization', `Bearer ${ownerKey}`);
      return next(request);
    };
    runs = createClient(RunService, createGrpcTransport({ baseUrl: url, interceptors: [authorize] }));
  },
  /** Begins a run; resolves when its text comes. */
  begin: () =>
    new Promise<void>((resolve, reject) => {
      const ended = ask((id, text) => {
        current ??= { id, ended };
        look(text);
        resolve();
      });
      ended.catch(reject);
    }),
  /** When text came that was said after this moment. */
  textAfter: ({ moment }: { moment: number }) =>
    new Promise<number>((came) => {
      after = { moment, came };
    }),
  /** Cancels the run; resolves with the moment at which it was told to, when it has ended. */
  cancel: async () => {
    if (!current) throw new Error('no run was begun');
    const { id, ended } = current;
    const told = sharedNow();
    await runs.cancelRun({ id });
    await ended;
    current = undefined;
    return told;
  },
});
