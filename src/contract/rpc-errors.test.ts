// What a client is told of an error depends on what its method does.
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { AppError } from '../base/errors.ts';
import { silentLogger } from '../base/logger.ts';
import { errorInterceptor } from './rpc-errors.ts';

const away = () => {
  throw new AppError('STORE_UNAVAILABLE', { problem: 'connect ECONNREFUSED' });
};

test('while the database is away a read is told that nothing was read, and only a change that its id makes it safe to repeat', async () => {
  const transport = createRouterTransport(
    (router) =>
      router.service(RunService, {
        listRuns: away,
        cancelRun: away,
        // biome-ignore lint/correctness/useYield: it fails before
        async *watchRun() {
          away();
        },
      }),
    { router: { interceptors: [errorInterceptor(silentLogger)] } },
  );
  const runs = createClient(RunService, transport);
  const read = expect.stringMatching(/ECONNREFUSED.*nothing could be read; nothing was changed. Try again when/);
  await expect(runs.listRuns({})).rejects.toMatchObject({ rawMessage: read });
  await expect(
    (async () => {
      for await (const _ of runs.watchRun({}));
    })(),
  ).rejects.toMatchObject({ rawMessage: read });
  await expect(runs.cancelRun({})).rejects.toMatchObject({
    rawMessage: expect.stringMatching(/not known whether this was done; try again: under the same request id/),
  });
});
